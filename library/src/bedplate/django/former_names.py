"""Former names of the library's modules: a team's code, settings and migrations may import them."""

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
    # Until 1.3:
    "anonymising": "bedplate.django.anonymization",
    "bedplate.django.anonymising": "bedplate.django.anonymization",
    "bedplate.django.anonymization.anonymiser": "bedplate.django.anonymization.anonymizer",
    "bedplate.django.anonymization.packages": "bedplate.django.anonymization.anonymisation",
    "bedplate.django.operations.recorded": "bedplate.django.operations.run_tracking",
    **{f"users.{name}": f"bedplate.django.accounts.{name}" for name in MODULES_OF_USERS},
    "pages.forms": "bedplate.django.theme.renderers",
}


class SameModule(Loader):
    """Loads the module of the present name: one module object for both names."""

    @override
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(spec.loader_state))
        spec.loader_state = module.__spec__
        return module

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec: the import system has replaced it by the spec of the former name."""
        if module.__spec__:
            module.__spec__ = module.__spec__.loader_state


def same_module(name: str, present_name: str) -> ModuleSpec | None:
    """Return the spec that imports `present_name` as `name`; None if there is no such module."""
    return ModuleSpec(name, SameModule(), loader_state=present_name) if find_spec(present_name) else None


class FormerNames(MetaPathFinder):
    """Finds the library's packages and modules by their former names, unless the project uses the name.

    It comes first: Python would treat a folder with only old bytecode as a package.
    """

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in PRESENT_NAMES:
            return None
        own = PathFinder.find_spec(fullname, path)
        return None if own and own.loader else same_module(fullname, PRESENT_NAMES[fullname])


class PartsOfFormerPackages(MetaPathFinder):
    """Finds submodules of a package with a former name. It comes first: otherwise their files would run twice."""

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
    """Install the finders of former names. A second call has no effect."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path[:0] = [PartsOfFormerPackages(), FormerNames()]
