"""`--verify`: the drill. Restores a backup apart from all that is live, compares, and records what it found."""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.fetching import DUMP, fetch_dump, require_compatible, require_room
from bedplate.backup.manifest import Contents, Manifest, StoredFile, Verification
from bedplate.backup.media_paths import require_safe_paths
from bedplate.backup.separate import alone_with_scratch, limited_work, separate_staging
from bedplate.backup.session import Session
from bedplate.backup.staging import Staging
from bedplate.backup.transfer import THREADS, side_by_side
from bedplate.backup.verdicts import record_verdict

# What is recorded of an encrypted backup: anyone who can read the store can read it, and errors quote names and rows.
PASSED: Final = "restored and compared"
FAILED: Final = "the reason is only in the output of that command, as the backup is encrypted."


def verify(session: Session, wanted: str) -> Manifest:
    """Return the manifest of a backup that was restored and compared. Raise BackupError when it could not be proven."""
    manifest = session.find(wanted)
    try:
        with alone_with_scratch(session):
            _require_room(session, manifest, manifest.files.values())
            with separate_staging(session) as staging:
                message = _restore_and_compare(session, manifest, staging)
    except UnusableBackupError as error:  # any other says nothing of the backup: what the last drill found still holds
        _record(session, manifest, passed=False, message=str(error))
        raise
    _record(session, manifest, passed=True, message=message)
    return manifest


def _restore_and_compare(session: Session, manifest: Manifest, staging: Staging) -> str:
    """Return what was found, in words."""
    require_compatible(session, manifest, staging.database.engine)
    contents = fetch_dump(session, manifest, staging.folder)
    _check_media(session, manifest, contents, staging.folder)
    with limited_work(session):
        note = staging.load(staging.folder / DUMP, contents.census)
        staging.migrate()  # as a restore does: a backup that it would refuse is not proven
    rows = sum(contents.census.rows.values())
    return f"{rows} rows, {len(contents.media)} media files. {note}".removesuffix(" ").removesuffix(".")


def _check_media(session: Session, manifest: Manifest, contents: Contents, folder: Path) -> None:
    """Fetch and check each object that a media file is in, one after the other: no more than a few are on the disk."""
    require_safe_paths(contents.media)
    files = {media.stored.object: media.stored for media in contents.media if media.stored}
    largest = sorted(files.values(), key=lambda file: file.stored_size)[-THREADS:]
    _require_room(session, manifest, largest)
    with session.progress.step("Fetch and check the media") as step:
        step.expect(len(files))

        def check(number: int, file: StoredFile) -> None:
            path = folder / f"media-{number}"
            session.transfer.download(file, path)
            path.unlink()
            step.advance()

        side_by_side(partial(check, number, file) for number, file in enumerate(files.values()))


def _require_room(session: Session, manifest: Manifest, files: Collection[StoredFile]) -> None:
    require_room(session, manifest, sum(file.stored_size for file in files))


def _record(session: Session, manifest: Manifest, *, passed: bool, message: str) -> None:
    if any(file.object.endswith(SUFFIX) for file in manifest.files.values()):  # whatever an edited manifest says
        message = PASSED if passed else FAILED
    verification = Verification(at=session.now(), passed=passed, message=message)
    try:
        record_verdict(session.store, manifest.name, verification)
    except BackupError as error:
        session.progress.say(f"The result could not be recorded: {error}")
        if passed:
            raise
