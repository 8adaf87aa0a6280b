"""`manage.py`, made to work on a staging database."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import config

from backup_system.errors import BackupError

WEB = Path(config.__path__[0]).parent


def manage(*arguments: str, variables: Mapping[str, str]) -> str:
    """Return what `manage.py …` prints. Raise BackupError with its words if it fails."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=WEB,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise BackupError(f"manage.py {arguments[0]} failed:\n" + "\n".join(said[-25:]))
    return result.stdout
