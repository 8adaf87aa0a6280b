"""`--undo`: bring back the data that the last restore replaced. A second undo restores it again."""

from bedplate.backup.errors import BackupError
from bedplate.backup.interruptions import deferred_interruptions
from bedplate.backup.recovery import prepare_swap, replacing
from bedplate.backup.session import Session


def undo(session: Session) -> None:
    """Swap in the data that the last restore kept. Raise BackupError when there is nothing to bring back."""
    with replacing(session) as identifier:
        replaced = session.database.previous()
        if not replaced:
            raise BackupError("There is nothing to undo: no restore has replaced a database here.")
        media = session.live_media
        media.require_swappable()
        media.begin_undoing(replaced[-1], identifier)
        session.work_directory.exchange_marks(replaced[-1], identifier)
        prepare_swap(session, identifier)
        with session.progress.step("Swap back"), deferred_interruptions():
            session.database.swap_back(replaced[-1], identifier)
            media.swap(identifier)
