"""The names of a new app: of its package, its model, and both in sentences."""

import keyword
import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Self

from django.apps import apps
from django.contrib.auth import get_user_model
from django.urls import get_resolver, is_valid_path

NAME: Final = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
MODEL: Final = re.compile("[A-Z][A-Za-z0-9]*")
INVARIABLE: Final = ("news", "series", "species")
OF_NGINX: Final = ("flower", "media", "static")  # nginx answers below these
LONGEST: Final = 40  # of PostgreSQL's 63 letters, the names of tables and indexes need some


class UnusableNameError(Exception):
    """A name that cannot be used, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """`order_items`, `OrderItem`, "order item" and "order items"."""

    name: str
    model: str

    @classmethod
    def of(cls, name: str, model: str = "") -> Self:
        """Return the names. Without a model, it is the singular of the name. Raise UnusableNameError."""
        if not NAME.fullmatch(name):
            raise UnusableNameError(f"'{name}' is not a name of a package: write it like order_items.")
        if len(name) > LONGEST:
            raise UnusableNameError(f"'{name}' is longer than {LONGEST} letters.")
        if keyword.iskeyword(name) or keyword.issoftkeyword(name):
            raise UnusableNameError(f"'{name}' is a word of Python.")
        found = cls(name=name, model=model or singular(name).title().replace("_", ""))
        if not MODEL.fullmatch(found.model) or keyword.iskeyword(found.model) or len(found.model) > LONGEST:
            raise UnusableNameError(f"'{found.model}' is not a name of a model: write it like OrderItem.")
        found._require_unused()
        return found

    @property
    def singular(self) -> str:
        """The model in a sentence."""
        return re.sub("(?<=[a-z0-9])(?=[A-Z])", " ", self.model).lower()

    @property
    def plural(self) -> str:
        """Several of the model in a sentence."""
        words = self.name.replace("_", " ")
        return words if words.endswith("s") and words != self.singular else plural(self.singular)

    def _require_unused(self) -> None:
        """Raise UnusableNameError if a package, an app, a page or a user's attribute has the name."""
        if self.name in apps.app_configs:
            raise UnusableNameError(f"There is an app '{self.name}'.")
        if find_spec(self.name):
            raise UnusableNameError(f"There is a Python package '{self.name}'; its imports would find the app instead.")
        if hasattr(get_user_model(), self.name):
            raise UnusableNameError(f"Users have an attribute '{self.name}': user.{self.name} would be ambiguous.")
        if is_page(self.name):
            raise UnusableNameError(f"The site has a page '{self.name}'.")


def is_page(name: str) -> bool:
    """Return whether the site has a page with this name, or pages at or below its address."""
    known: Any = get_resolver()
    below = any(str(pattern.pattern).startswith(f"{address(name)}/") for pattern in known.url_patterns)
    return name in OF_NGINX or below or address(name) in known.reverse_dict or bool(is_valid_path(f"/{address(name)}/"))


def address(name: str) -> str:
    """Return the name as the first part of an address."""
    return name.replace("_", "-")


def singular(word: str) -> str:
    """Return the singular of an English word, as far as its ending says it."""
    if word in INVARIABLE:
        return word
    if word.endswith("ies") and len(word) > 4:  # noqa: PLR2004 - "ties", "pies"
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def plural(word: str) -> str:
    """Return the plural of an English word, as far as its ending says it."""
    if word in INVARIABLE:
        return word
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "sh", "ch", "x")) else f"{word}s"
