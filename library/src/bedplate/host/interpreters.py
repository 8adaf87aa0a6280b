"""The Python for virtual environments: it may have to be newer than the one that runs the commands."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bedplate.host.embedded import packages
from bedplate.host.errors import AbortError

OLDEST: Final = (3, 12)  # of Django
RECOMMENDED: Final = "3.14"  # the containers'
# The recommended one, then the newest that packages are built for.
NAMES: Final = (f"python{RECOMMENDED}", "python3.13", "python3.12", "python3.15", "python3", "python")
ANSWER_TIMEOUT: Final = 10  # seconds: a shim may hang
CHOSEN: Final = "BEDPLATE_PYTHON"
CHECK_VERSION: Final = f"import sys; assert sys.version_info >= {OLDEST}"
CHECK_MODULES: Final = f"{CHECK_VERSION}; import sqlite3, ssl"


def require(environment: Path) -> None:
    """Continue in a Python that can create this environment: return, or restart the program with another Python.

    The Python that created an environment is used again. Raise AbortError, which lists those found, without one.
    """
    if os.environ.pop(CHOSEN, "") == str(environment):
        return
    python = find(environment)
    if python == sys.executable:
        return
    arguments = [python, "-P", "-m", "bedplate.host", *sys.argv[1:]]
    os.execve(python, arguments, {**os.environ, CHOSEN: str(environment)})


def find(environment: Path) -> str:
    """Return the first Python that can create this environment. Raise AbortError without one."""
    maker = maker_of(environment)
    if maker and answers(maker, CHECK_MODULES) is not None:
        return maker
    for python in candidates():
        if answers(python, CHECK_MODULES) is not None and makes_environments(python):
            return python
    oldest = ".".join(map(str, OLDEST))
    raise AbortError(
        f"no usable Python {oldest} or newer on PATH, nor among those of uv and pyenv.",
        *(f"{version_of(python):<16} {python}{problem_of(python)}" for python in candidates()),
        "Install one, then run this again. For example:",
        f"  uv python install {RECOMMENDED}       https://docs.astral.sh/uv/",
        f"  pyenv install {RECOMMENDED}           https://github.com/pyenv/pyenv",
        "  apt install python3-venv     Debian 13, Ubuntu 24.04 and newer",
        "  dnf install python3.12       RHEL 9",
        f"  brew install python@{RECOMMENDED}     macOS",
    )


def candidates() -> Iterator[str]:
    """Yield every Python of this machine, in the order of preference."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in NAMES:
        yield from (path for folder in folders if (path := shutil.which(name, path=folder)))
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-python-downloads", ">=" + ".".join(map(str, OLDEST))]
        yield from subprocess.run(command, capture_output=True, check=False, text=True).stdout.splitlines()
    # pyenv's shims on PATH refuse a version that is installed but not selected; its folder does not.
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    yield from (str(folder / "bin/python") for folder in sorted(versions.glob("3.*"), key=_release, reverse=True))


def _release(folder: Path) -> list[int]:
    return [int(number) for number in folder.name.split(".") if number.isdecimal()]


def maker_of(environment: Path) -> str | None:
    """Return the Python that created this environment, if it is complete."""
    if not (environment / ".complete").exists():
        return None
    return answers(str(environment / "bin/python"), "import sys; print(sys._base_executable)")


def makes_environments(python: str) -> bool:
    """Return whether this Python can create an environment: it may lack a module, a library, or pip."""
    with tempfile.TemporaryDirectory(prefix="bedplate-") as folder:
        make, _ = packages.commands(Path(folder, "environment"), Path(), uv=shutil.which("uv"), python=python)
        return subprocess.run(make, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def answers(python: str, code: str) -> str | None:
    """Return the output of this Python for a line of code; None if it fails, does not start, or hangs."""
    try:
        return subprocess.run(
            [python, "-I", "-c", code],
            check=True,
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT,
            stdin=subprocess.DEVNULL,
        ).stdout.strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def version_of(python: str) -> str:
    """Return the version, or that it does not start."""
    return answers(python, "import platform; print(platform.python_version())") or "does not start"


def problem_of(python: str) -> str:
    """Return the problem of a Python that is new enough but unusable; an empty text for an old one."""
    if answers(python, CHECK_MODULES) is not None:
        return f"  (cannot make an environment; to see why: {python} -m venv /tmp/try)"
    if answers(python, CHECK_VERSION) is not None:
        return "  (without the modules sqlite3 and ssl)"
    return ""
