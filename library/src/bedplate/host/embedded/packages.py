"""Virtual environments: the application's, the backup system's, and one with Node if the machine has none."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bedplate.host.embedded.processes import Group
from bedplate.host.embedded.project import Stamp, fingerprint

LIBRARY: Final = "../../../../library/src"
"""The package `bedplate`, relative to an environment's site-packages, so that the checkout can be moved."""


def current(environment: Path, requirements: Path) -> Stamp:
    """Return the stamp of a complete environment with these locked packages and the running Python."""
    return Stamp(environment, fingerprint([requirements], sys.version, sys.base_prefix, LIBRARY))


def install(environment: Path, requirements: Path, group: Group) -> None:
    """Create the environment again, unless it is complete and current."""
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


def commands(
    environment: Path, requirements: Path, *, uv: str | None, python: str = sys.executable
) -> Iterator[list[str | Path]]:
    """Yield the commands that create the environment: with uv if it is installed, because it is faster."""
    inside = environment / "bin" / "python"
    locked: list[str | Path] = ["--require-hashes", "--requirement", requirements]
    if uv:
        yield [uv, "venv", "--python", python, environment]
        yield [uv, "pip", "install", "--python", inside, *locked]
    else:
        yield [python, "-m", "venv", environment]
        # Python compiles modules when they are first imported; compiling all of them takes a third of pip's time.
        yield [inside, "-m", "pip", "install", "--no-compile", *locked]
