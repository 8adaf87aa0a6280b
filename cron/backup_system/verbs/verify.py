"""`--verify`: the drill. Restores a backup beside everything, compares, and records what it found."""

from backup_system.errors import BackupError, UnusableBackupError
from backup_system.manifest import Manifest, Verification
from backup_system.names import VERIFICATION
from backup_system.recovery import alone_and_recovering
from backup_system.session import Session
from backup_system.staging import new_identifier
from backup_system.verbs.restore import require_compatible, stage


def verify(session: Session, wanted: str) -> Manifest:
    """Return the manifest of a backup that was restored and compared. Raise BackupError when it could not be proven."""
    manifest = session.find(wanted)
    try:
        with alone_and_recovering(session):
            require_compatible(session, manifest)
            contents = stage(session, manifest, new_identifier(session))
    except UnusableBackupError as error:  # any other one is no verdict: what the last drill found still holds
        _record(session, manifest, passed=False, message=str(error))
        raise
    rows = sum(contents.census.rows.values())
    _record(session, manifest, passed=True, message=f"{rows} rows, {len(contents.media)} media files")
    return manifest


def _record(session: Session, manifest: Manifest, *, passed: bool, message: str) -> None:
    verification = Verification(at=session.now(), passed=passed, message=message)
    try:
        session.store.write(manifest.name.object(VERIFICATION), verification.to_bytes())
    except BackupError as error:
        session.progress.say(f"The result could not be recorded: {error}")
        if passed:
            raise
