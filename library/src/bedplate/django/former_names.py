"""Names that modules of the library had before, in `web/`: a team's code and migrations may import them."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Final, override

APPLICATIONS: Final = ("anonymising", "caught_mail", "cron_runs", "media", "operations")
MODULES: Final = ("broker", "cache", "error_mail", "isolation", "logs", "postgresql", "redaction", "vite")
MODULES_OF_USERS: Final = ("adapter", "fields", "forms", "mail", "middleware", "tasks")
PRESENT_NAMES: Final = {
    **{name: f"bedplate.django.{name}" for name in APPLICATIONS},
    **{f"config.{name}": f"bedplate.django.{name}" for name in MODULES},
    "bedplate.django.anonymising.packages": "bedplate.django.anonymising.anonymisation",
    **{f"users.{name}": f"bedplate.django.accounts.{name}" for name in MODULES_OF_USERS},
    "pages.forms": "bedplate.django.theme.renderers",
}


class SameModule(Loader):
    """Gives a module that has been imported by its present name: one module, under both names."""

    @override
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(spec.loader_state))
        spec.loader_state = module.__spec__
        return module

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back: importing has put that of the former name in its place."""
        if module.__spec__:
            module.__spec__ = module.__spec__.loader_state


def same_module(name: str, present_name: str) -> ModuleSpec | None:
    """Return what has `name` imported as the module `present_name`; None where there is no such module."""
    return ModuleSpec(name, SameModule(), loader_state=present_name) if find_spec(present_name) else None


class FormerNames(MetaPathFinder):
    """Finds the library's packages and modules by their former names, unless the project has taken one.

    Asked first: a folder in which only Python's bytecode is left would be a package for Python.
    """

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in PRESENT_NAMES:
            return None
        taken = PathFinder.find_spec(fullname, path)
        return None if taken and taken.loader else same_module(fullname, PRESENT_NAMES[fullname])


class PartsOfFormerPackages(MetaPathFinder):
    """Finds what is in a package that was found by its former name. Asked first: else its file would run twice."""

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        present = sys.modules[package].__name__ if package in sys.modules else package
        if present == package or not present.startswith("bedplate.django."):
            return None
        part = f"{present}.{name}"
        return same_module(fullname, PRESENT_NAMES.get(part, part))


def keep_former_names() -> None:
    """Have former names found from now on. Called twice, it changes nothing more."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path[:0] = [PartsOfFormerPackages(), FormerNames()]
