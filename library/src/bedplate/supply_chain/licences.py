"""The licences of what the project's images hold: `docs/reference/licences.md`, from the packages' own metadata.

After a change of a dependency, run COMMAND.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, Final, Protocol

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[4]
COMMAND: Final = ".venv/bin/python -m bedplate.supply_chain.licences > docs/reference/licences.md"
PAGE: Final = ROOT / "docs/reference/licences.md"
# Where the packages run, whatever machine makes the page.
CONTAINER: Final = {"python_version": "3.14", "python_full_version": "3.14.0", "sys_platform": "linux",
                    "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
                    "platform_python_implementation": "CPython"}  # fmt: skip

ALLOWED: Final = {
    "0BSD": "asks for nothing",
    "Apache-2.0": "asks for its notice; gives patents",
    "BSD": "the author does not say which; all of them ask for their notice alone",
    "BSD-2-Clause": "asks for its notice",
    "BSD-3-Clause": "asks for its notice",
    "ISC": "asks for its notice",
    "LGPL-3.0-only": "imported as it is, not changed: the project's own code stays the project's",
    "MIT": "asks for its notice",
    "MIT-0": "asks for nothing",
    "MPL-2.0": "changes to its own files would have to be published; there are none",
    "PSF-2.0": "Python's own",
}

# As authors wrote them, before there was one way to.
MEANT: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "New BSD": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}

# Where the metadata say nothing, or less than the licence: read by a person.
READ: Final = {
    "pyrage": "MIT",  # LICENSE in its wheel
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # the same; either, as one likes
}


class Metadata(Protocol):
    """What is read of a package's metadata."""

    def get(self, name: str, /) -> str | None:
        """Return a field, if it is there."""

    def get_all(self, name: str, /) -> list[str] | None:
        """Return a field that may be there several times."""


@dataclass(frozen=True, order=True)
class Package:
    """A dependency, and its licence: an SPDX expression, or `unknown`."""

    name: str
    licence: str
    kind: str

    @property
    def is_allowed(self) -> bool:
        """Whether ALLOWED names all that its licence asks for."""
        return any(all(part in ALLOWED for part in choice.split(" AND ")) for choice in self.licence.split(" OR "))


def licence_of(name: str, package: Metadata) -> str:
    """Return the licence that a Python package's metadata tell."""
    if stated := READ.get(name) or package.get("License-Expression"):
        return stated
    classifiers = [each.rpartition(" :: ")[2] for each in package.get_all("Classifier") or [] if "License :: " in each]
    field = (package.get("License") or "").strip()
    meant = MEANT.get(field, field)
    if meant in ALLOWED:
        return meant
    return " AND ".join(sorted(MEANT.get(each, each) for each in classifiers)) or "unknown"


def python_packages() -> Iterator[Package]:
    """Yield what the images install: `requirements-cron.txt` holds all of `requirements.txt`."""
    for line in (ROOT / "web/requirements-cron.txt").read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is None or requirement.marker.evaluate(dict(CONTAINER)):
                yield Package(requirement.name, licence_of(requirement.name, metadata(requirement.name)), "Python")


def node_lock() -> dict[str, dict[str, Any]]:
    """Return what package-lock.json tells of the packages in the frontend's bundle: those not for development."""
    lock = ROOT / "web/frontend/package-lock.json"
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    return {
        path.rpartition("node_modules/")[2]: package
        for path, package in packages.items()
        if path and not package.get("dev")
    }


def node_packages() -> Iterator[Package]:
    """Yield what the frontend's bundle holds."""
    for name, package in node_lock().items():
        yield Package(name, package.get("license", "unknown"), "JavaScript")


def page() -> str:
    """Return the page in Markdown."""
    packages = sorted([*python_packages(), *node_packages()])
    used = {part for package in packages for part in re.split(" AND | OR ", package.licence)}
    lines = [
        "# Licences",
        "",
        "Of every Python and JavaScript package in the images of DEV and PROD, as the packages tell themselves.",
        "All that an image holds, the system's packages too, is in its parts list:",
        "[security](../../library/docs/reference/security.md).",
        "",
        "This page is made from the lock files. After a change there:",
        f"`{COMMAND}`.",
        "`./run_tests.sh tools` fails until then. A licence that the first table does not name has no reason yet.",
        "",
        "| licence | why it may be used |",
        "| --- | --- |",
        *(f"| {licence} | {ALLOWED[licence]} |" for licence in sorted(used & ALLOWED.keys())),
        "",
        "| package | licence | |",
        "| --- | --- | --- |",
        *(f"| {package.name} | {package.licence} | {package.kind} |" for package in packages),
        "",
    ]
    return "\n".join(lines)


def is_current() -> bool:
    """Return whether the page is what the lock files and the packages' metadata make it."""
    written = PAGE.read_text()
    if not (ROOT / "web/frontend").is_dir():  # a project without it still has the page that was written with it
        written = re.sub(r"^.*\| JavaScript \|\n", "", written, flags=re.MULTILINE)
    return written == page()


def main() -> None:
    """Print the page; with --check, fail unless it is written."""
    if sys.argv[1:] == ["--check"]:
        sys.exit(None if is_current() else f"The licences have changed. Run this, and read what is new:\n  {COMMAND}")
    sys.stdout.write(page())


if __name__ == "__main__":
    main()
