"""`./google_storage.sh` from outside: a process of its own, its exit status and what it prints."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CRON: Final = Path(__file__).parents[1]
PYTHONPATH: Final = os.pathsep.join([str(CRON), str(CRON.parent / "web")])


type Result = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """Return this test's environment, in which the command is found."""
    return os.environ | {"PYTHONPATH": PYTHONPATH}


def run(*arguments: str, given: str = "", prefix: Sequence[str] = (), **variables: str) -> Result:
    """Return how `python -m backup_system …` ended in this test's environment, with these variables too.

    `prefix` is a command that runs it, with fewer rights perhaps.
    """
    return subprocess.run(
        [*prefix, sys.executable, "-m", "backup_system", *arguments],
        env=environment() | variables,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
