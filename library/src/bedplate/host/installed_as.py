"""The file .installed_as: the project's name at the last install, then the names of the secrets that were created.

The values in `.env` may have changed since.
"""

from collections.abc import Iterable

from bedplate.host import ROOT

FILE = ROOT / ".installed_as"


def _lines() -> list[str]:
    return FILE.read_text().splitlines() if FILE.exists() else []


def project() -> str:
    """Return the name, or an empty text."""
    return next(iter(_lines()), "")


def secrets() -> list[str]:
    """Return the names of the secrets that were created, except those that every server has."""
    return _lines()[1:]


def set_project(name: str) -> None:
    """Store the name."""
    if name != project():
        FILE.write_text("".join(f"{line}\n" for line in (name, *secrets())))


def add_secrets(names: Iterable[str]) -> None:
    """Store the names of secrets."""
    with FILE.open("a") as file:
        file.writelines(f"{name}\n" for name in names)
