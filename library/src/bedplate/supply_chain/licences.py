"""The licenses of the packages in the project's images: `docs/reference/licences.md`, from their metadata.

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
# The environment of the containers, on whatever machine the page is generated.
CONTAINER: Final = {"python_version": "3.14", "python_full_version": "3.14.0", "sys_platform": "linux",
                    "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
                    "platform_python_implementation": "CPython"}  # fmt: skip

ALLOWED: Final = {
    "0BSD": "has no conditions",
    "Apache-2.0": "requires its notice; grants patents",
    "BSD": "without a version; every version requires only its notice",
    "BSD-2-Clause": "requires its notice",
    "BSD-3-Clause": "requires its notice",
    "ISC": "requires its notice",
    "LGPL-3.0-only": "imported unchanged: it does not affect the license of the project's own code",
    "MIT": "requires its notice",
    "MIT-0": "has no conditions",
    "MPL-2.0": "changes to its own files would have to be published; there are none",
    "PSF-2.0": "Python's own",
}

# Names from before SPDX expressions.
SPDX_NAMES: Final = {
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

# Packages with missing or incomplete metadata: from their license files.
FROM_FILES: Final = {
    "pyrage": "MIT",  # LICENSE in its wheel
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # LICENSE too; dual-licensed
}


class Metadata(Protocol):
    """The metadata of a package."""

    def get(self, name: str, /) -> str | None:
        """Return a field, or None."""

    def get_all(self, name: str, /) -> list[str] | None:
        """Return all values of a field, or None."""


@dataclass(frozen=True, order=True)
class Package:
    """A dependency, and its license: an SPDX expression, or `unknown`."""

    name: str
    licence: str
    kind: str

    @property
    def is_allowed(self) -> bool:
        """Whether ALLOWED has all licenses that apply."""
        return any(all(part in ALLOWED for part in choice.split(" AND ")) for choice in self.licence.split(" OR "))


def licence_of(name: str, package: Metadata) -> str:
    """Return a Python package's license, according to its metadata."""
    if stated := FROM_FILES.get(name) or package.get("License-Expression"):
        return stated
    classifiers = [each.rpartition(" :: ")[2] for each in package.get_all("Classifier") or [] if "License :: " in each]
    field = (package.get("License") or "").strip()
    license_name = SPDX_NAMES.get(field, field)
    if license_name in ALLOWED:
        return license_name
    return " AND ".join(sorted(SPDX_NAMES.get(each, each) for each in classifiers)) or "unknown"


def python_packages() -> Iterator[Package]:
    """Yield the packages that the images install: `requirements-cron.txt` includes all of `requirements.txt`."""
    for line in (ROOT / "web/requirements-cron.txt").read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is None or requirement.marker.evaluate(dict(CONTAINER)):
                yield Package(requirement.name, licence_of(requirement.name, metadata(requirement.name)), "Python")


def node_lock() -> dict[str, dict[str, Any]]:
    """Return the entries of package-lock.json for the packages in the frontend's bundle, without dev dependencies."""
    lock = ROOT / "web/frontend/package-lock.json"
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    return {
        path.rpartition("node_modules/")[2]: package
        for path, package in packages.items()
        if path and not package.get("dev")
    }


def node_packages() -> Iterator[Package]:
    """Yield the packages in the frontend's bundle."""
    for name, package in node_lock().items():
        yield Package(name, package.get("license", "unknown"), "JavaScript")


def page() -> str:
    """Return the page in Markdown."""
    packages = sorted([*python_packages(), *node_packages()])
    used = {part for package in packages for part in re.split(" AND | OR ", package.licence)}
    lines = [
        "# Licenses",
        "",
        "The license of every Python and JavaScript package in the images of DEV and PROD, from its metadata.",
        "The parts list of an image has everything in it, with the system's packages:",
        "[security](../../library/docs/reference/security.md).",
        "",
        "This page is generated from the lock files. After a change there, run",
        f"`{COMMAND}`.",
        "`./run_tests.sh tools` fails until then. A license that is missing in the first table has not been reviewed.",
        "",
        "| license | why it may be used |",
        "| --- | --- |",
        *(f"| {licence} | {ALLOWED[licence]} |" for licence in sorted(used & ALLOWED.keys())),
        "",
        "| package | license | |",
        "| --- | --- | --- |",
        *(f"| {package.name} | {package.licence} | {package.kind} |" for package in packages),
        "",
    ]
    return "\n".join(lines)


def is_current() -> bool:
    """Return whether the page matches the lock files and the packages' metadata."""
    written = PAGE.read_text()
    if not (ROOT / "web/frontend").is_dir():  # the page was generated with one
        written = re.sub(r"^.*\| JavaScript \|\n", "", written, flags=re.MULTILINE)
    return written == page()


def main() -> None:
    """Print the page; with --check, fail if the written one is out of date."""
    if sys.argv[1:] == ["--check"]:
        sys.exit(None if is_current() else f"Licenses have changed. Run this, and review the new ones:\n  {COMMAND}")
    sys.stdout.write(page())


if __name__ == "__main__":
    main()
