"""Names that modules of the library had before version 1.0, in `web/`: a team's code and migrations may import them."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, override

APPLICATIONS: Final = ("anonymising", "caught_mail", "cron_runs", "media", "operations")
MODULES: Final = ("broker", "cache", "error_mail", "isolation", "logs", "postgresql", "redaction", "vite")
RENAMED: Final = {"bedplate.django.anonymising.packages": "bedplate.django.anonymising.anonymisation"}


def present_name(name: str) -> str | None:
    """Return what a module of the library is called now, or None for every other module."""
    first, _, rest = name.partition(".")
    if first in APPLICATIONS:
        now = f"bedplate.django.{name}"
    elif first == "config" and rest.partition(".")[0] in MODULES:
        now = f"bedplate.django.{rest}"
    else:
        return None
    return RENAMED.get(now, now)


class FormerNames(MetaPathFinder, Loader):
    """Gives the library's module to those who import it by its former name: one module, under both names."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if present_name(fullname) else None

    @override
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(present_name(spec.name)))
        spec.loader_state = module.__spec__
        return module

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back: importing has put that of the former name in its place."""
        if module.__spec__:
            module.__spec__ = module.__spec__.loader_state


def keep_former_names() -> None:
    """Have former names found from now on, where no module of the project has taken the name since."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.append(FormerNames())
