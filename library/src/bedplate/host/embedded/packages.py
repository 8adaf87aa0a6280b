"""Environments of Python packages: the application's, and the one that holds Node where the machine has none."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bedplate.host.embedded.processes import Command, Group
from bedplate.host.embedded.project import Stamp, fingerprint

LIBRARY: Final = "../../../../library/src"
"""The package `bedplate`, from where an environment has its packages: the folder may be moved."""


def current(environment: Path, requirements: Path) -> Stamp:
    """Return the mark of an environment that is whole: of these locked packages, and of the Python that runs this."""
    return Stamp(environment, fingerprint([requirements], sys.version, sys.base_prefix, LIBRARY))


def install(environment: Path, requirements: Path, group: Group) -> None:
    """Leave the environment as it is when it is whole and current, else make it anew."""
    stamp = current(environment, requirements)
    if stamp.is_current():
        return
    if environment.exists():
        shutil.rmtree(environment)
    for command in commands(environment, requirements, uv=shutil.which("uv")):
        group.run(command, folder=requirements.parent)
    for packages in environment.glob("lib/python*/site-packages"):
        (packages / "bedplate.pth").write_text(f"{LIBRARY}\n")
    stamp.write()


def commands(environment: Path, requirements: Path, *, uv: str | None) -> Iterator[Command]:
    """Yield what makes the environment: with uv where there is one, because it is quicker."""
    python = environment / "bin" / "python"
    locked: list[str | Path] = ["--require-hashes", "--requirement", requirements]
    if uv:
        yield [uv, "venv", "--python", sys.executable, environment]
        yield [uv, "pip", "install", "--python", python, *locked]
    else:
        yield [sys.executable, "-m", "venv", environment]
        # Python compiles the modules that are used, when they are; to compile all of them is a third of pip's time.
        yield [python, "-m", "pip", "install", "--no-compile", *locked]
