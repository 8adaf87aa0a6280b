"""`--undo`: bring back what the last restore replaced. Undone again, the restore is back."""

from backup_system.errors import BackupError
from backup_system.media import link_twin
from backup_system.recovery import alone_and_recovering, swap_media
from backup_system.session import Session
from backup_system.staging import new_identifier


def undo(session: Session) -> None:
    """Make live what the last restore replaced. Raise BackupError when there is nothing to bring back."""
    with alone_and_recovering(session):
        replaced = session.database.previous()
        if not replaced:
            raise BackupError("There is nothing to undo: no restore has replaced a database here.")
        identifier = new_identifier(session)
        kept, staged = session.workplace.previous(replaced[-1]), session.workplace.staging(identifier)
        with session.progress.step("Swap back"):
            link_twin(kept / "media", staged / "media")
            session.database.swap_back(replaced[-1], identifier)
            swap_media(session, identifier)
