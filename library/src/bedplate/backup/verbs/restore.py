"""`-r`: make a backup the live database and media. Whatever fails, whenever: what is live stays as it is."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.backup.fetching import DUMP, fetch_dump, require_compatible
from bedplate.backup.interruptions import deferred_interruptions
from bedplate.backup.manifest import Manifest
from bedplate.backup.media import download_media, keep_only
from bedplate.backup.media_paths import list_media, shown
from bedplate.backup.recovery import prepare_swap, replacing
from bedplate.backup.room import guarded, require_room_for_media, require_room_to_restore
from bedplate.backup.session import Session
from bedplate.backup.staging import Staging
from bedplate.backup.verbs.back_up import back_up_alone
from bedplate.backup.workplace import LIVE_NOT_BACKED_UP, NOT_BACKED_UP

DAMAGED_DATABASE: Final = "damaged-database"
MISSING_DATABASE: Final = "missing-database"
UNREADABLE_MEDIA: Final = "unreadable-media"
REASONS: Final = (DAMAGED_DATABASE, MISSING_DATABASE, UNREADABLE_MEDIA)
WAY_OUT: Final = (
    "If that cannot be mended because what is live is damaged, restore without this backup, and say why: "
    f"--without-backup-first {DAMAGED_DATABASE}, {MISSING_DATABASE} or {UNREADABLE_MEDIA}. What is live is set aside "
    'all the same. (library/docs/how-to/backups.md, "When production is damaged")'
)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    anonymised: bool
    media_files: int


def restore(
    session: Session,
    wanted: str,
    *,
    without_backup_first: frozenset[str] = frozenset(),
    forget_set_aside: bool = False,
) -> Restored:
    """Return what was restored: `latest`, `latest:<environment>`, or a backup's URL.

    `without_backup_first` says of PROD why it cannot be backed up before (of REASONS). What was set aside and is in no
    backup is removed only with `forget_set_aside`.
    """
    configuration = session.configuration
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
            stage(session, manifest, staging, session.live_media.staged(identifier))
            anonymised = _bring_up_to_date(session, manifest, staging, session.live_media.staged(identifier))
        if without_backup_first or _marked_since(session, LIVE_NOT_BACKED_UP) is not None:
            session.workplace.mark(identifier, NOT_BACKED_UP)
        prepare_swap(session, identifier)
        with session.progress.step("Swap"), deferred_interruptions():
            session.database.swap(identifier)
            session.live_media.swap(identifier)
    return Restored(manifest=manifest, anonymised=anonymised, media_files=len(list_media(configuration.media)))


def _require_backed_up(session: Session) -> None:
    """Raise BackupError when this restore would remove what is set aside without a backup."""
    if (since := _marked_since(session, NOT_BACKED_UP)) is None:
        return
    if since:
        lost = f"The data that --undo set aside are in no backup with what was written to them since {since}"
        way = "To back them up: ./google_storage.sh --undo, then -b, then --undo, then this again"
    else:
        lost = "The data that the last restore set aside were never backed up"
        way = "To restore a better backup over them: ./google_storage.sh -b, then --undo, then this again"
    raise BackupError(f"{lost}: this restore would remove them. {way}. If they may go: --forget-set-aside.")


def _marked_since(session: Session, mark: str) -> str | None:
    """Return what the mark of the last restore says; None without it."""
    found = (session.workplace.marked_since(earlier, mark) for earlier in session.database.previous()[-1:])
    return next(found, None)


def _back_up_first(session: Session, without: frozenset[str]) -> None:
    """Back up PROD, unless a person has said why that is not possible."""
    if MISSING_DATABASE in without and session.database.exists():
        raise WrongUseError("The database is there. If it is damaged, say damaged-database.")
    if session.configuration.environment != "prod" or without:
        return
    session.progress.say("A backup of PROD first, so that nothing can be lost.")
    try:
        back_up_alone(replace(session, store=session.configuration.open_store(), source=""))
    except (BackupError, OSError) as error:
        raise BackupError(f"PROD could not be backed up before it is replaced: {error}\n{WAY_OUT}") from error


def stage(session: Session, manifest: Manifest, staging: Staging, media: Path) -> None:
    """Fill a staging database from a backup, and the new folder `media` with its media.

    Raise BackupError when it is damaged, or does not hold what was backed up.
    """
    staging.folder.mkdir(mode=0o700)
    with session.workplace.scratch() as scratch:
        contents = fetch_dump(session, manifest, scratch)
        require_room_for_media(session, manifest, contents.media)
        with session.progress.step("Fetch and check the media") as step:
            live = session.configuration.media
            left_out = download_media(contents.media, media, live=live, transfer=session.transfer, step=step)
        for name in left_out:
            session.progress.say(f"Media link {shown(name)} leads out of the media folder: left out.")
        staging.load(scratch / DUMP, contents.census)


def _bring_up_to_date(session: Session, manifest: Manifest, staging: Staging, media: Path) -> bool:
    """Return whether the staging database was anonymised, after it was migrated to what the code here expects."""
    staging.migrate()
    if manifest.name.environment != "prod" or session.configuration.environment == "prod":
        return False
    kept = staging.anonymise()
    left_out = keep_only(media, kept)
    staging.create_default_user()
    if left_out:
        session.progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")
    return True
