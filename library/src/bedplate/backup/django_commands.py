"""Run `manage.py` on a copy of the database, without access to live data."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

# Variables that the application's code does not need for a copy, and must not get.
WITHHELD: Final = (
    "BACKUP_AGE_IDENTITY",
    "BACKUP_SIGNING_KEY",
    "BACKUP_URL",
    "CACHE_URL",
    "CRON_PING_URL",
    "DEFAULT_USER_PASSWORD",
    "EMAIL_HOST",
    "EMAIL_PASSWORD",
    "EMAIL_USER",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_OAUTH_CLIENT_SECRET",
    "MEDIA_CREDENTIALS",
    "MEDIA_URL",
    "METRICS_TOKEN",
    "SENTRY_DSN",
    "VALKEY_URL",
)


def project_folder() -> Path:
    """Return the first folder on Python's path that has a `manage.py`. Raise BackupError without one."""
    for folder in map(Path, sys.path):
        if (folder / "manage.py").is_file():
            return folder
    raise BackupError("No folder on Python's path has the project's manage.py. Run this in the folder web/.")


def manage(*arguments: str, variables: Mapping[str, str], given: str = "") -> str:
    """Run `manage.py …` with this standard input. Return its output, or raise BackupError with its message."""
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    result: subprocess.CompletedProcess[str] = subprocess.run(
        # If this process is killed, the kernel ends the command as well.
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "manage.py", *arguments],
        cwd=project_folder(),
        env=kept | dict(variables),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise BackupError(f"manage.py {arguments[0]} failed:\n" + "\n".join(said[-25:]))
    return result.stdout
