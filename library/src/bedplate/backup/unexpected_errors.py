"""Unexpected errors, which are bugs of this program: a line for the user, and a file with the traceback."""

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bedplate.backup.configuration import Configuration, read_configuration
from bedplate.backup.errors import BackupError

FILE: Final = "last-error.log"
LONGEST: Final = 300


def report(error: Exception) -> str:
    """Return a line with the error, its place, and the file of the traceback."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
    return f"{what} ({_place(error)}). This error was not expected, so it is a bug: please report it. {_keep(error)}"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "bedplate" in Path(frame.filename).parts]
    return f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "outside of the backup system"


def _keep(error: Exception) -> str:
    """Store the traceback. Return where it is, or why it could not be stored."""
    try:
        configuration = read_configuration()
        _write(configuration.work / FILE, error)
    except (BackupError, OSError) as failure:
        return f"Its traceback could not be stored: {' '.join(str(failure).split())}"
    return _where(configuration)


def _write(file: Path, error: Exception) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:  # noqa: PTH123 - a descriptor
        log.write(f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv[1:])}\n")
        log.writelines(traceback.format_exception(error))


def _where(configuration: Configuration) -> str:
    file = configuration.work / FILE
    if configuration.variables.embedded:
        return f"Its traceback: {file}"
    return f"Its traceback: docker compose run --rm --no-deps cron cat {file}"
