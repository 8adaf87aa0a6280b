"""Run `./google_storage.sh` as a process: its exit status and its output."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIBRARY: Final = Path(__file__).resolve().parents[2]
WEB: Final = LIBRARY.parent / "web"
PROJECT_FOLDER: Final = "TESTS_PROJECT_FOLDER"
"""The variable with the folder of manage.py, if it is outside of this repository."""

type Result = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """Return this test's environment variables, with the path of the command."""
    return os.environ | {"PYTHONPATH": f"{LIBRARY / 'src'}{os.pathsep}{os.environ.get(PROJECT_FOLDER, WEB)}"}


def run(*arguments: str, given: str = "", prefix: Sequence[str] = (), **variables: str) -> Result:
    """Run `python -m bedplate.backup …` in this test's environment, with additional variables. Return the result.

    `prefix` is a command that runs it, for example with fewer rights.
    """
    return subprocess.run(
        [*prefix, sys.executable, "-m", "bedplate.backup", *arguments],
        env=environment() | variables,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
