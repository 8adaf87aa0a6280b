"""What an interruption left behind: finished if its restore had got as far as the swap, removed otherwise."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bedplate.backup.errors import BackupError
from bedplate.backup.interruptions import Interruption
from bedplate.backup.media_paths import shown
from bedplate.backup.session import Installation
from bedplate.backup.staging import new_identifier
from bedplate.backup.workplace import LIVE_NOT_BACKED_UP, NOT_BACKED_UP, PREVIOUS, SCRATCH, STAGING, remove_folder

CAME_SINCE: Final = "came-since-the-swap.txt"
"""In the folder of what a restore replaced: which of its media belong to what is live."""
SHOWN: Final = 5


@contextmanager
def alone_and_recovering(installation: Installation) -> Iterator[None]:
    """Work as the only one on this installation, on what no interruption shows in, and leave it so."""
    with installation.workplace.alone(say=installation.progress.say, patience=installation.patience):
        with _explained():
            recover(installation)
        try:
            with _explained():
                yield
        except BaseException:
            try:
                recover(installation)
            except (BackupError, OSError) as error:  # what failed first is what people need to know
                installation.progress.say(f"Cleaning up failed too; the next command does it. ({error})")
            raise
        recover(installation)


@contextmanager
def replacing(installation: Installation) -> Iterator[str]:
    """Do the same for work that replaces what is live, giving its id. A failure ends with what is live now."""
    identifier = ""
    try:
        with alone_and_recovering(installation):
            identifier = new_identifier(installation)
            yield identifier
    except BackupError as error:
        raise type(error)(f"{error} {_state(installation, identifier)}") from error
    except Interruption as interruption:
        interruption.state = _state(installation, identifier)
        raise


def _state(installation: Installation, identifier: str) -> str:
    """Return what is live after a failure, in a sentence."""
    next_one = "the next -b, -r or --undo"
    try:
        swapped = bool(identifier) and installation.database.swapped(identifier)
    except BackupError:
        return f"Whether anything was replaced is not known: {next_one} finishes it, or removes what was begun."
    if not swapped:
        return "Nothing was replaced."
    if installation.live_media.is_pending(identifier):
        return f"The database was replaced, the media files were not yet: {next_one} finishes that."
    return "By then all was replaced: what was restored is live, and --undo brings back what was there before."


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = " Make room." if error.errno == errno.ENOSPC else ""
        raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}.{advice}") from error


def prepare_swap(installation: Installation, restore: str) -> None:
    """Write down what has to be known after a swap: the media that were live, and of PROD that a backup is due.

    What is written to the data that become live is in no backup until the next one.
    """
    if installation.configuration.environment == "prod":
        since = f"{installation.now():%Y-%m-%d %H:%M} UTC"
        installation.workplace.mark(restore, LIVE_NOT_BACKED_UP, since=since)
    installation.live_media.list_live(restore)


def recover(installation: Installation) -> None:
    """Leave the workplace as if nothing had ever been interrupted. To be called by who is alone in it."""
    workplace, database, media = installation.workplace, installation.database, installation.live_media
    say = installation.progress.say
    for folder in workplace.folders(SCRATCH):
        remove_folder(folder, say=say)
    for folder in workplace.folders(STAGING):
        restore = folder.name.removeprefix(STAGING)
        if database.swapped(restore):
            _finish(installation, restore)
        else:
            database.drop_previous(restore)
        remove_folder(folder, say=say)
    for folder in media.workplace.folders(STAGING):
        remove_folder(folder, say=say)
    database.drop_staging()
    forget_older(installation)


def _finish(installation: Installation, restore: str) -> None:
    """Make the media live that belong to the database. Name those that came since it is live: they are set aside."""
    media, workplace = installation.live_media, installation.workplace
    names = workplace.previous(restore) / CAME_SINCE
    if late := media.came_since(restore):
        workplace.mark(restore, NOT_BACKED_UP)
        earlier = names.read_text().splitlines() if names.exists() else []  # of a command that was killed meanwhile
        names.write_text("".join(f"{name}\n" for name in dict.fromkeys([*earlier, *map(shown, late)])))
    media.swap(restore)
    if late:
        examples = ", ".join([*map(shown, late[:SHOWN]), *(["…"] if len(late) > SHOWN else [])])
        installation.progress.say(
            f"{len(late)} media files came after the database was replaced, and before the media were. They lie in "
            f"{media.kept(restore)} (their names: {names}). Copy back what is missed: {examples}"
        )


def forget_older(installation: Installation) -> None:
    """Remove what restores have replaced, but for the last one."""
    database = installation.database
    previous = database.previous()
    for restore in previous[:-1]:
        database.drop_previous(restore)
    for workplace in installation.live_media.workplaces:
        for folder in workplace.folders(PREVIOUS):
            if folder.name.removeprefix(PREVIOUS) not in previous[-1:]:
                remove_folder(folder, say=installation.progress.say)
