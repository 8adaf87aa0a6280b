"""What an interruption left behind: finished if its restore had got as far as the swap, removed otherwise."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from backup_system.errors import BackupError
from backup_system.session import Session
from backup_system.workplace import PREVIOUS, SCRATCH, STAGING


@contextmanager
def alone_and_recovering(session: Session) -> Iterator[None]:
    """Work as the only one on this installation, on what no interruption shows in, and leave it so."""
    with session.workplace.alone(say=session.progress.say):
        recover(session)
        try:
            with _explained():
                yield
        except BaseException:
            try:
                recover(session)
            except (BackupError, OSError) as error:  # what failed first is what people need to know
                session.progress.say(f"Cleaning up failed too; the next command does it. ({error})")
            raise
        recover(session)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "Make room." if error.errno == errno.ENOSPC else "Nothing was replaced."
        raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}. {advice}") from error


def recover(session: Session) -> None:
    """Leave the workplace as if nothing had ever been interrupted. To be called by who is alone in it."""
    workplace, database = session.workplace, session.database
    for folder in workplace.folders(SCRATCH):
        shutil.rmtree(folder)
    for folder in workplace.folders(STAGING):
        restore = folder.name.removeprefix(STAGING)
        if database.swapped(restore):
            swap_media(session, restore)
        else:
            database.drop_previous(restore)
        shutil.rmtree(folder)
    database.drop_staging()
    forget_older(session)


def swap_media(session: Session, restore: str) -> None:
    """Make the staged media live, and keep those that were. Whoever was interrupted in here may begin anew."""
    workplace, live = session.workplace, session.configuration.media
    staged, kept = workplace.staging(restore) / "media", workplace.previous(restore) / "media"
    if not staged.exists():  # it is live already
        return
    if live.exists() and not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        live.rename(kept)
    staged.rename(live)


def forget_older(session: Session) -> None:
    """Remove what restores have replaced, but for the last one."""
    workplace, database = session.workplace, session.database
    previous = database.previous()
    for restore in previous[:-1]:
        database.drop_previous(restore)
    for folder in workplace.folders(PREVIOUS):
        if folder.name.removeprefix(PREVIOUS) not in previous[-1:]:
            shutil.rmtree(folder)
