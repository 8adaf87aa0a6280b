"""`-r`: make a backup the live database and media. Whatever fails, whenever: what is live stays as it is."""

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from backup_system.errors import BackupError, UnusableBackupError, WrongUseError
from backup_system.interruptions import deferred_interruptions
from backup_system.manifest import Contents, Manifest
from backup_system.media import download_media, keep_only
from backup_system.media_paths import list_media, shown
from backup_system.names import CONTENTS
from backup_system.recovery import replacing
from backup_system.room import guarded, require_room_to_restore
from backup_system.session import Session
from backup_system.staging import anonymise, create_default_user, load, migrate
from backup_system.transfer import side_by_side
from backup_system.verbs.back_up import back_up_alone

DAMAGED_DATABASE: Final = "damaged-database"
MISSING_DATABASE: Final = "missing-database"
UNREADABLE_MEDIA: Final = "unreadable-media"
REASONS: Final = (DAMAGED_DATABASE, MISSING_DATABASE, UNREADABLE_MEDIA)
WAY_OUT: Final = (
    "If that cannot be mended because what is live is damaged, restore without this backup, and say why: "
    f"--without-backup-first {DAMAGED_DATABASE}, {MISSING_DATABASE} or {UNREADABLE_MEDIA}. What is live is set aside "
    'all the same. (docs/how-to/backups.md, "When production is damaged")'
)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    anonymised: bool
    media_files: int


def restore(session: Session, wanted: str, *, without_backup_first: frozenset[str] = frozenset()) -> Restored:
    """Return what was restored: `latest`, `latest:<environment>`, or a backup's URL.

    `without_backup_first` says of PROD why it cannot be backed up before (of REASONS).
    """
    configuration = session.configuration
    manifest = session.find(wanted)
    with replacing(session) as identifier:
        require_compatible(session, manifest)
        session.live_media.require_swappable()
        require_room_to_restore(session, manifest)
        _back_up_first(session, without_backup_first)
        with guarded(session, identifier):
            stage(session, manifest, identifier)
            anonymised = _bring_up_to_date(session, manifest, identifier)
        with session.progress.step("Swap"), deferred_interruptions():
            session.database.swap(identifier)
            session.live_media.swap(identifier)
    return Restored(manifest=manifest, anonymised=anonymised, media_files=len(list_media(configuration.media)))


def _back_up_first(session: Session, without: frozenset[str]) -> None:
    """Back up PROD, unless a person has said why that is not possible."""
    if MISSING_DATABASE in without and session.database.exists():
        raise WrongUseError("The database is there. If it is damaged, say damaged-database.")
    if session.configuration.environment != "prod" or without:
        return
    session.progress.say("A backup of PROD first, so that nothing can be lost.")
    try:
        back_up_alone(replace(session, store=session.configuration.open_store()))
    except (BackupError, OSError) as error:
        raise BackupError(f"PROD could not be backed up before it is replaced: {error}\n{WAY_OUT}") from error


def require_compatible(session: Session, manifest: Manifest) -> None:
    """Raise BackupError when this machine cannot restore the backup, before anything is fetched."""
    here, there = session.database.engine, manifest.engine
    if here.name != there.name:
        raise BackupError(
            f"The backup is of {there.name}, this database is {here.name}. "
            "LOCAL, DEV and PROD restore each other's backups; embedded mode restores its own."
        )
    if there.major > here.major:
        raise BackupError(
            f"The backup is from {there.name} {there.version}, newer than this server ({here.version}). "
            "Update the server first."
        )
    if manifest.encrypted:
        session.configuration.encryption.require_identity()
    needed, free = manifest.size, shutil.disk_usage(session.workplace.folder).free
    if needed > free:
        raise BackupError(f"The backup needs {needed >> 20} MB of disk, {free >> 20} are free. Make room.")


def stage(session: Session, manifest: Manifest, identifier: str) -> Contents:
    """Return the contents of a backup that is now in a staging database, with media beside the live ones.

    Raise BackupError when it is damaged, or does not hold what was backed up.
    """
    session.workplace.staging(identifier).mkdir(mode=0o700)
    staged = session.live_media.staged(identifier)
    with session.workplace.scratch() as scratch:
        _fetch(session, manifest, scratch)
        contents = Contents.from_bytes((scratch / CONTENTS).read_bytes(), name=manifest.name)
        with session.progress.step("Fetch and check the media") as step:
            live = session.configuration.media
            left_out = download_media(contents.media, staged, live=live, transfer=session.transfer, step=step)
        for name in left_out:
            session.progress.say(f"Media link {shown(name)} leads out of the media folder: left out.")
        load(session, scratch / "database", contents.census, identifier)
    return contents


def _fetch(session: Session, manifest: Manifest, scratch: Path) -> None:
    (scratch / "database").mkdir()
    files = manifest.files
    with session.progress.step("Fetch and check the database") as step:
        step.expect(sum(file.stored_size for file in files.values()))

        def fetch(name: str) -> None:
            if Path(name).parent.as_posix() not in {"database", "."} or ".." in name:
                raise UnusableBackupError(f"The backup names a file outside of itself ({name}). It is not restored.")
            session.transfer.download(files[name], scratch / name)
            step.advance(files[name].stored_size)

        side_by_side(partial(fetch, name) for name in files)


def _bring_up_to_date(session: Session, manifest: Manifest, identifier: str) -> bool:
    """Return whether the staging database was anonymised, after it was migrated to what the code here expects."""
    migrate(session, identifier)
    if manifest.name.environment != "prod" or session.configuration.environment == "prod":
        return False
    kept = anonymise(session, identifier)
    left_out = keep_only(session.live_media.staged(identifier), kept)
    create_default_user(session, identifier)
    if left_out:
        session.progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")
    return True
