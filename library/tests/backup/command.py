"""`./google_storage.sh` from outside: a process of its own, its exit status and what it prints."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIBRARY: Final = Path(__file__).resolve().parents[2]
PYTHONPATH: Final = os.pathsep.join([str(LIBRARY / "src"), str(LIBRARY.parent / "web")])

type Result = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """Return this test's environment, in which the command is found."""
    return os.environ | {"PYTHONPATH": PYTHONPATH}


def run(*arguments: str, given: str = "", prefix: Sequence[str] = (), **variables: str) -> Result:
    """Return how `python -m bedplate.backup …` ended in this test's environment, with these variables too.

    `prefix` is a command that runs it, with fewer rights perhaps.
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
