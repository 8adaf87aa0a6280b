"""What an interruption left behind: finished if its restore had got as far as the swap, removed otherwise."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from backup_system.errors import BackupError
from backup_system.session import Installation
from backup_system.workplace import PREVIOUS, SCRATCH, STAGING


@contextmanager
def alone_and_recovering(installation: Installation) -> Iterator[None]:
    """Work as the only one on this installation, on what no interruption shows in, and leave it so."""
    with installation.workplace.alone(say=installation.progress.say):
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
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "Make room." if error.errno == errno.ENOSPC else "Nothing was replaced."
        raise BackupError(f"{error.filename or 'This machine'}: {error.strerror or error}. {advice}") from error


def recover(installation: Installation) -> None:
    """Leave the workplace as if nothing had ever been interrupted. To be called by who is alone in it."""
    workplace, database = installation.workplace, installation.database
    for folder in workplace.folders(SCRATCH):
        shutil.rmtree(folder)
    for folder in workplace.folders(STAGING):
        restore = folder.name.removeprefix(STAGING)
        if database.swapped(restore):
            swap_media(installation, restore)
        else:
            database.drop_previous(restore)
        shutil.rmtree(folder)
    database.drop_staging()
    forget_older(installation)


def swap_media(installation: Installation, restore: str) -> None:
    """Make the staged media live, and keep those that were. Whoever was interrupted in here may begin anew."""
    workplace, live = installation.workplace, installation.configuration.media
    staged, kept = workplace.staging(restore) / "media", workplace.previous(restore) / "media"
    if not staged.exists():  # it is live already
        return
    if live.exists() and not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        live.rename(kept)
    staged.rename(live)


def forget_older(installation: Installation) -> None:
    """Remove what restores have replaced, but for the last one."""
    workplace, database = installation.workplace, installation.database
    previous = database.previous()
    for restore in previous[:-1]:
        database.drop_previous(restore)
    for folder in workplace.folders(PREVIOUS):
        if folder.name.removeprefix(PREVIOUS) not in previous[-1:]:
            shutil.rmtree(folder)
