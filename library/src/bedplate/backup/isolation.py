"""An isolated copy of a database, apart from the live one: in the verifier, or, in embedded mode, in a file."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bedplate.backup.databases import DJANGO, StagingDatabase
from bedplate.backup.databases.empty_clone import DatabaseProperties
from bedplate.backup.databases.postgresql import PostgreSQL
from bedplate.backup.databases.sqlite import FILE, StagedSQLite
from bedplate.backup.databases.verifier import SHARED, verifier
from bedplate.backup.disk import MEGABYTE, limited_writing
from bedplate.backup.errors import BackupError
from bedplate.backup.session import Installation
from bedplate.backup.staging import Staging
from bedplate.backup.time_limit import time_limit
from bedplate.backup.work_directory import SCRATCH

TOO_LONG: Final = (
    "The copy of the database was not done after {:g} minutes, the limit (BACKUP_DRILL_LIMIT_MINUTES). It was stopped, "
    "so that the next backup is made. This says nothing about the backup. What to do: library/docs/how-to/backups.md"
)


@contextmanager
def locked_without_recovery(installation: Installation) -> Iterator[None]:
    """Hold the exclusive lock without accessing the live data, which may be damaged or missing."""
    work_directory = installation.work_directory
    with work_directory.exclusive_lock(
        say=installation.progress.say, timeout_seconds=installation.lock_timeout_seconds
    ):
        for folder in work_directory.folders(SCRATCH):  # of commands that were killed
            shutil.rmtree(folder)
        try:
            yield
        except OSError as error:
            advice = "Make room." if error.errno == errno.ENOSPC else "Nothing was changed."
            raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}. {advice}") from error


@contextmanager
def isolated_staging(installation: Installation) -> Iterator[Staging]:
    """Yield a staging database apart from the live one, and a folder beside it. Remove both afterwards.

    Raise BackupError when a disk falls below the reserve. The caller holds the exclusive lock.
    """
    work_directory = installation.work_directory
    with (
        limited_writing(work_directory.folder, reserve=reserve(installation)),
        work_directory.scratch() as folder,
        _isolated_database(installation, folder) as database,
    ):
        yield Staging(installation, database, folder)


def limited_duration(installation: Installation) -> AbstractContextManager[None]:
    """Limit the time of database work: a view in a backup may never end. Raise BackupError in the block."""
    minutes = installation.configuration.variables.backup_drill_limit_minutes
    return time_limit(minutes, message=TOO_LONG.format(minutes))


def reserve(installation: Installation) -> int:
    """Return the bytes that must stay free on the disk."""
    return installation.configuration.variables.backup_disk_reserve_mb * MEGABYTE


@contextmanager
def _isolated_database(installation: Installation, folder: Path) -> Iterator[StagingDatabase]:
    live = installation.database
    if not isinstance(live, PostgreSQL):
        yield StagedSQLite(folder / DJANGO / FILE)
        return

    def properties() -> DatabaseProperties | None:
        try:
            return live.properties()
        except BackupError as error:
            installation.progress.say(
                f"The copy has the verifier's own sort order, as the live database fails: {error}"
            )
            return None

    with ExitStack() as stack:
        with installation.progress.step("Start the verifier's server"):
            database = stack.enter_context(verifier(properties, shared=SHARED))
        yield database
