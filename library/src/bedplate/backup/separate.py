"""A copy of a database that has nothing to do with the live one: in the verifier, or, in embedded mode, in a file."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bedplate.backup.databases import DJANGO, StagingDatabase
from bedplate.backup.databases.postgresql import PostgreSQL
from bedplate.backup.databases.sqlite import FILE, StagedSQLite
from bedplate.backup.databases.twin import Likeness
from bedplate.backup.databases.verifier import SHARED, verifier
from bedplate.backup.disk import MEGABYTE, limited_writing
from bedplate.backup.errors import BackupError
from bedplate.backup.session import Installation
from bedplate.backup.staging import Staging
from bedplate.backup.time_limit import time_limit
from bedplate.backup.workplace import SCRATCH

TOO_LONG: Final = (
    "After {:g} minutes, the limit (BACKUP_DRILL_LIMIT_MINUTES), the copy of the database was not done: it was ended, "
    "so that the next backup is made. This says nothing about the backup. What to do: library/docs/how-to/backups.md"
)


@contextmanager
def alone_with_scratch(installation: Installation) -> Iterator[None]:
    """Work as the only one on this installation, without a look at what is live: it may be damaged, or gone."""
    workplace = installation.workplace
    with workplace.alone(say=installation.progress.say, patience=installation.patience):
        for folder in workplace.folders(SCRATCH):  # of commands that were killed
            shutil.rmtree(folder)
        try:
            yield
        except OSError as error:
            advice = "Make room." if error.errno == errno.ENOSPC else "Nothing was changed."
            raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}. {advice}") from error


@contextmanager
def separate_staging(installation: Installation) -> Iterator[Staging]:
    """Give a staging database apart from the live one, and a folder beside it. Both are gone afterwards.

    Raise BackupError when a disk has less than the reserve meanwhile. To be called by who is alone in the workplace.
    """
    workplace = installation.workplace
    with (
        limited_writing(workplace.folder, reserve=reserve(installation)),
        workplace.scratch() as folder,
        _separate_database(installation, folder) as database,
    ):
        yield Staging(installation, database, folder)


def limited_work(installation: Installation) -> AbstractContextManager[None]:
    """Limit how long the database works: what others restored may compute for ever. Raise BackupError in the block."""
    minutes = installation.configuration.variables.backup_drill_limit_minutes
    return time_limit(minutes, message=TOO_LONG.format(minutes))


def reserve(installation: Installation) -> int:
    """Return the bytes that are to stay free on the disk."""
    return installation.configuration.variables.backup_disk_reserve_mb * MEGABYTE


@contextmanager
def _separate_database(installation: Installation, folder: Path) -> Iterator[StagingDatabase]:
    live = installation.database
    if not isinstance(live, PostgreSQL):
        yield StagedSQLite(folder / DJANGO / FILE)
        return

    def likeness() -> Likeness | None:
        try:
            return live.likeness()
        except BackupError as error:
            installation.progress.say(
                f"The copy has the verifier's own sort order, as the live database fails: {error}"
            )
            return None

    with ExitStack() as stack:
        with installation.progress.step("Start the verifier's server"):
            database = stack.enter_context(verifier(likeness, shared=SHARED))
        yield database
