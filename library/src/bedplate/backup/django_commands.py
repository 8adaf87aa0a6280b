"""`manage.py`, made to work on a copy of the database, and to reach nothing that is live."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

# What the application's code has no need of while it works on a copy: it may not even hold them.
WITHHELD: Final = (
    "BACKUP_AGE_IDENTITY",
    "BACKUP_URL",
    "CACHE_URL",
    "CRON_PING_URL",
    "DEFAULT_USER_PASSWORD",
    "EMAIL_HOST",
    "EMAIL_PASSWORD",
    "EMAIL_USER",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_OAUTH_CLIENT_SECRET",
    "VALKEY_URL",
)


def project_folder() -> Path:
    """Return the folder of `manage.py`: the first on Python's path that has one. Raise BackupError without any."""
    for folder in map(Path, sys.path):
        if (folder / "manage.py").is_file():
            return folder
    raise BackupError("No folder on Python's path has the project's manage.py. Run this in the folder web/.")


def manage(*arguments: str, variables: Mapping[str, str]) -> str:
    """Return what `manage.py …` prints. Raise BackupError with its words if it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    result: subprocess.CompletedProcess[str] = subprocess.run(
        # Should this process be killed, the kernel ends the command as well.
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "manage.py", *arguments],
        cwd=project_folder(),
        env=kept | dict(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise BackupError(f"manage.py {arguments[0]} failed:\n" + "\n".join(said[-25:]))
    return result.stdout
