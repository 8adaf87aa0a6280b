"""`-r`: restore a backup as the live database and media. If anything fails, the live data stays unchanged."""

from dataclasses import dataclass, replace
from typing import Final

from bedplate.backup.commands.back_up import back_up_locked
from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.backup.fetching import DUMP, fetch_dump, require_compatible
from bedplate.backup.interruptions import deferred_interruptions
from bedplate.backup.manifest import Manifest
from bedplate.backup.recovery import prepare_swap, replacing
from bedplate.backup.room import guarded, require_room_for_media, require_room_to_restore
from bedplate.backup.session import Session
from bedplate.backup.staging import Staging
from bedplate.backup.work_directory import LIVE_NOT_BACKED_UP, NOT_BACKED_UP

DAMAGED_DATABASE: Final = "damaged-database"
MISSING_DATABASE: Final = "missing-database"
UNREADABLE_MEDIA: Final = "unreadable-media"
REASONS: Final = (DAMAGED_DATABASE, MISSING_DATABASE, UNREADABLE_MEDIA)
WAY_OUT: Final = (
    "If that cannot be repaired because the live data is damaged, restore without this backup, and give the reason: "
    f"--without-backup-first {DAMAGED_DATABASE}, {MISSING_DATABASE} or {UNREADABLE_MEDIA}. The live data is kept "
    'anyway. (library/docs/how-to/backups.md, "When production is damaged")'
)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The result of a restore."""

    manifest: Manifest
    anonymized: bool
    media_files: int


def restore(
    session: Session,
    wanted: str,
    *,
    without_backup_first: frozenset[str] = frozenset(),
    forget_set_aside: bool = False,
) -> Restored:
    """Restore `latest`, `latest:<environment>`, or a backup's URL. Return the result.

    `without_backup_first` holds the REASONS why PROD cannot be backed up before. Previous data that is in no backup is
    removed only with `forget_set_aside`.
    """
    manifest = session.find(wanted)
    with replacing(session) as identifier:
        require_compatible(session, manifest, session.database.engine)
        session.live_media.require_swappable()
        if not forget_set_aside:
            _require_backed_up(session)
        require_room_to_restore(session, manifest)
        _back_up_first(session, without_backup_first)
        staging = Staging.of_restore(session, identifier)
        with guarded(session, identifier):
            stage(session, manifest, staging, identifier)
            anonymized = _bring_up_to_date(session, manifest, staging, identifier)
            session.live_media.hand_over(identifier)
        if without_backup_first or _marked_since(session, LIVE_NOT_BACKED_UP) is not None:
            session.work_directory.mark(identifier, NOT_BACKED_UP)
        prepare_swap(session, identifier)
        with session.progress.step("Swap"), deferred_interruptions():
            session.database.swap(identifier)
            session.live_media.swap(identifier)
    return Restored(manifest=manifest, anonymized=anonymized, media_files=len(session.live_media.names()))


def _require_backed_up(session: Session) -> None:
    """Raise BackupError when this restore would remove previous data that is in no backup."""
    if (since := _marked_since(session, NOT_BACKED_UP)) is None:
        return
    if since:
        lost = f"The data that --undo set aside is in no backup with the changes since {since}"
        way = "To back it up: ./google_storage.sh --undo, then -b, then --undo, then this again"
    else:
        lost = "The data that the last restore set aside was never backed up"
        way = "To restore a better backup over it: ./google_storage.sh -b, then --undo, then this again"
    raise BackupError(f"{lost}: this restore would remove it. {way}. If it may go: --forget-set-aside.")


def _marked_since(session: Session, mark: str) -> str | None:
    """Return the content of the last restore's mark; None if it is not set."""
    found = (session.work_directory.marked_since(earlier, mark) for earlier in session.database.previous()[-1:])
    return next(found, None)


def _back_up_first(session: Session, without: frozenset[str]) -> None:
    """Back up PROD, unless the user gave a reason why that is impossible."""
    if MISSING_DATABASE in without and session.database.exists():
        raise WrongUseError("The database exists. If it is damaged, give damaged-database.")
    if session.configuration.environment != "prod" or without:
        return
    session.trust.require_key()
    session.progress.say("Backing up PROD first, so that nothing is lost.")
    try:
        back_up_locked(replace(session, store=session.configuration.open_store(), source=""))
    except (BackupError, OSError) as error:
        raise BackupError(f"PROD could not be backed up before it is replaced: {error}\n{WAY_OUT}") from error


def stage(session: Session, manifest: Manifest, staging: Staging, identifier: str) -> None:
    """Fill a staging database from a backup, and prepare its media.

    Raise BackupError when it is damaged, or restores to something else than was backed up.
    """
    staging.folder.mkdir(mode=0o700)
    with session.work_directory.scratch() as scratch:
        contents = fetch_dump(session, manifest, scratch)
        require_room_for_media(session, manifest, contents.media)
        session.live_media.stage(contents.media, identifier, transfer=session.transfer, scratch=scratch)
        staging.load(scratch / DUMP, contents.inventory)


def _bring_up_to_date(session: Session, manifest: Manifest, staging: Staging, identifier: str) -> bool:
    """Migrate the staging database to the code here, and anonymize it if need be. Return whether it was anonymized."""
    staging.migrate()
    if manifest.name.environment != "prod" or session.configuration.environment == "prod":
        return False
    kept = staging.anonymize()
    left_out = session.live_media.keep_only(identifier, kept)
    staging.create_default_user()
    if left_out:
        session.progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")
    return True
