"""`--verify`: the drill. Restore a backup apart from the live data, compare, and record the result."""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.fetching import DUMP, fetch_dump, require_compatible, require_room
from bedplate.backup.isolation import isolated_staging, limited_duration, locked_without_recovery
from bedplate.backup.manifest import BackupContents, Manifest, StoredFile
from bedplate.backup.media_paths import require_safe_paths
from bedplate.backup.session import Session
from bedplate.backup.staging import Staging
from bedplate.backup.transfer import THREADS, run_parallel
from bedplate.backup.trust import HOW
from bedplate.backup.verifications import Verification, record_verification

# Recorded for an encrypted backup: everyone with access to the store can read it, and errors quote names and rows.
PASSED: Final = "restored and compared"
FAILED: Final = "the reason is only in the output of that command, as the backup is encrypted."


def verify(session: Session, wanted: str) -> Manifest:
    """Restore and compare a backup. Return its manifest. Raise BackupError when it could not be verified."""
    session.trust.require_key()  # to sign the result
    manifest = session.find(wanted)
    try:
        with locked_without_recovery(session):
            _require_room(session, manifest, manifest.files.values())
            with isolated_staging(session) as staging:
                message = _restore_and_compare(session, manifest, staging)
    except UnusableBackupError as error:  # any other error says nothing about the backup: the last result stays
        _record(session, manifest, passed=False, message=str(error))
        raise
    _record(session, manifest, passed=True, message=message)
    return manifest


def _restore_and_compare(session: Session, manifest: Manifest, staging: Staging) -> str:
    """Return the result in words."""
    require_compatible(session, manifest, staging.database.engine)
    contents = fetch_dump(session, manifest, staging.folder)
    _check_media(session, manifest, contents, staging.folder)
    with limited_duration(session):
        note = staging.load(staging.folder / DUMP, contents.inventory)
        staging.migrate()  # as a restore does: a backup that it would refuse is not verified
    rows = sum(contents.inventory.rows.values())
    return f"{rows} rows, {len(contents.media)} media files. {note}".removesuffix(" ").removesuffix(".")


def _check_media(session: Session, manifest: Manifest, contents: BackupContents, folder: Path) -> None:
    """Fetch and check the object of each media file, a few at a time, so that the disk holds only a few."""
    require_safe_paths(contents.media)
    files = {media.stored.object: media.stored for media in contents.media if media.stored}
    for name in _checked_by_google(session, files.values()):
        del files[name]
    largest = sorted(files.values(), key=lambda file: file.stored_size)[-THREADS:]
    _require_room(session, manifest, largest)
    with session.progress.step("Fetch and check the media") as step:
        step.expect(len(files))

        def check(number: int, file: StoredFile) -> None:
            path = folder / f"media-{number}"
            session.transfer.download(file, path)
            path.unlink()
            step.advance()

        run_parallel(partial(check, number, file) for number, file in enumerate(files.values()))


def _checked_by_google(session: Session, files: Collection[StoredFile]) -> Collection[str]:
    """Return the names of the objects whose checksums the bucket reports. Raise UnusableBackupError if one differs."""
    if not any(file.md5 for file in files):
        return ()
    from bedplate.backup.bucket_staging import checked_by_google  # noqa: PLC0415 - Google's packages take half a second

    return checked_by_google(session.transfer, files).keys()


def _require_room(session: Session, manifest: Manifest, files: Collection[StoredFile]) -> None:
    require_room(session, manifest, sum(file.stored_size for file in files))


def _record(session: Session, manifest: Manifest, *, passed: bool, message: str) -> None:
    if any(file.object.endswith(SUFFIX) for file in manifest.files.values()):  # even if an edited manifest hides it
        message = PASSED if passed else FAILED
    verification = Verification(at=session.now(), passed=passed, message=message, number=0, manifest=manifest.sha256)
    try:
        refusal = record_verification(session.store, manifest.name, verification, trust=session.trust)
    except BackupError as error:
        session.progress.say(f"The result could not be recorded: {error}")
        if passed:
            raise
    else:
        if refusal:
            session.progress.say(f"The result is recorded, and does not count, as it {refusal}: {HOW}")
