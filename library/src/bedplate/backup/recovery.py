"""Recovery from interruptions: finish a restore that had reached the swap, remove all other leftovers.

It is not part of work_directory.py: the databases and the live media use that module, and this one uses them.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bedplate.backup.below import Below
from bedplate.backup.errors import BackupError
from bedplate.backup.interruptions import Interruption
from bedplate.backup.media_paths import shown
from bedplate.backup.session import Installation
from bedplate.backup.staging import new_identifier
from bedplate.backup.work_directory import LIVE_NOT_BACKED_UP, NOT_BACKED_UP, SCRATCH, STAGING

CAME_SINCE: Final = "came-since-the-swap.txt"
"""A file in the folder of the replaced data: the names of its media that belong to the live data."""
SHOWN: Final = 5


@contextmanager
def locked_and_recovered(installation: Installation) -> Iterator[None]:
    """Hold the exclusive lock, and recover from interruptions before and after the block."""
    say, timeout = installation.progress.say, installation.lock_timeout_seconds
    with (
        installation.work_directory.exclusive_lock(say=say, timeout_seconds=timeout),
        installation.live_media.exclusively(),
    ):
        with _translated_errors():
            recover(installation)
        try:
            with _translated_errors():
                yield
        except BaseException:
            try:
                recover(installation)
            except (BackupError, OSError) as error:  # the first failure is the important one
                say(f"Cleaning up failed too; the next command does it. ({error})")
            raise
        recover(installation)


@contextmanager
def replacing(installation: Installation) -> Iterator[str]:
    """Do the same for work that replaces the live data; yield its id. Errors include the state of the live data."""
    identifier = ""
    try:
        with locked_and_recovered(installation):
            identifier = new_identifier(installation)
            yield identifier
    except BackupError as error:
        raise type(error)(f"{error} {_state(installation, identifier)}") from error
    except Interruption as interruption:
        interruption.state = _state(installation, identifier)
        raise


def _state(installation: Installation, identifier: str) -> str:
    """Return a sentence about the data that is live after a failure."""
    next_one = "the next -b, -r or --undo"
    try:
        swapped = bool(identifier) and installation.database.swapped(identifier)
    except BackupError:
        return f"It is not known whether anything was replaced: {next_one} finishes it, or removes what was begun."
    if not swapped:
        return "Nothing was replaced."
    if installation.live_media.is_pending(identifier):
        return f"The database was replaced, the media files were not yet: {next_one} finishes that."
    return "Everything was replaced by then: the restored data is live, and --undo brings back the previous data."


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = " Make room." if error.errno == errno.ENOSPC else ""
        raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}.{advice}") from error


def prepare_swap(installation: Installation, restore: str) -> None:
    """Record the facts that are needed after a swap: the media that were live, and in PROD that a backup is due.

    Changes to the restored data are in no backup until the next one.
    """
    if installation.configuration.environment == "prod":
        since = f"{installation.now():%Y-%m-%d %H:%M} UTC"
        installation.work_directory.mark(restore, LIVE_NOT_BACKED_UP, since=since)
    installation.live_media.list_live(restore)


def recover(installation: Installation) -> None:
    """Finish restores that reached the swap, and remove all other leftovers. The caller holds the exclusive lock."""
    work_directory, database, media = installation.work_directory, installation.database, installation.live_media
    say = installation.progress.say
    for folder in work_directory.folders(SCRATCH):
        Below(work_directory.folder, folder.name).remove(say=say)
    for folder in work_directory.folders(STAGING):
        restore = folder.name.removeprefix(STAGING)
        if database.swapped(restore):
            _finish(installation, restore)
        else:
            database.drop_previous(restore)
        Below(work_directory.folder, folder.name).remove(say=say)
    for restore in media.unfinished():
        if database.swapped(restore):
            media.swap(restore)
    media.remove_staged()
    database.drop_staging()
    forget_older(installation)


def _finish(installation: Installation, restore: str) -> None:
    """Swap in the media of the database that is live. Name the media that came since then: they are set aside."""
    media, work_directory = installation.live_media, installation.work_directory
    names = work_directory.previous(restore) / CAME_SINCE
    if late := media.came_since(restore):
        work_directory.mark(restore, NOT_BACKED_UP)
        earlier = names.read_text().splitlines() if names.exists() else []  # from a command that was killed meanwhile
        names.write_text("".join(f"{name}\n" for name in dict.fromkeys([*earlier, *map(shown, late)])))
    media.swap(restore)
    if late:
        examples = ", ".join([*map(shown, late[:SHOWN]), *(["…"] if len(late) > SHOWN else [])])
        installation.progress.say(
            f"{len(late)} media files came after the database was replaced, and before the media were. They are in "
            f"{media.kept(restore)} (their names: {names}). Copy back those that you miss: {examples}"
        )


def forget_older(installation: Installation) -> None:
    """Remove the data that restores have replaced, except that of the last one."""
    database = installation.database
    previous = database.previous()
    for restore in previous[:-1]:
        database.drop_previous(restore)
    installation.live_media.forget_all_except(previous[-1:])
