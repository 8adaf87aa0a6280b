"""The page `docs/reference/settings.md`: `manage.py describe_settings` prints it."""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bedplate.environment import Environment

HEADING: Final = """\
# Settings

Every variable that the application reads: from the environment, which Docker Compose fills from `.env`, or from a file
of the same name in `/run/secrets`. `.env.example` explains those that only Docker Compose reads.

This page is generated from `bedplate.environment` and `web/config/environment.py`. After a change there:
`docker compose exec web python manage.py describe_settings >docs/reference/settings.md`.
"""
COLUMNS: Final = ("variable", "type", "default", "secret", "meaning")


def settings_page(environment: type[Environment]) -> str:
    """Return the page in Markdown: a table with a row for each variable."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(row(name, field) for name, field in environment.model_fields.items())]
    return "\n".join([HEADING, *(f"| {' | '.join(cells)} |" for cells in rows), ""])


def row(name: str, field: FieldInfo) -> list[str]:
    """Return the cells that describe a variable."""
    secret = SecretStr in types(field.annotation)
    default = "required" if field.is_required() else code(field.default)
    return [code(name.upper()), describe(field.annotation), default, "yes" if secret else "", field.description or ""]


def describe(annotation: Any) -> str:
    """Return a type in words for the authors of `.env`."""
    if get_origin(annotation) is Literal:
        return ", ".join(code(value) for value in get_args(annotation))
    names = {bool: "`true` or `false`", int: "whole number", float: "number", SecretStr: "text", str: "text"}
    return " or ".join(names.get(each, each.__name__.lower()) for each in types(annotation))


def types(annotation: Any) -> Iterator[type]:
    """Yield the types of a value, without None, which means that the variable is not set."""
    alternatives = get_args(annotation) if isinstance(annotation, UnionType) else [annotation]
    return (each for each in alternatives if each is not type(None))


def code(value: Any) -> str:
    """Return a value in the form of `.env`, in Markdown; an empty string for an empty value."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if value is not None and text else ""
