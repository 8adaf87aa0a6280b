"""`-r`: make a backup the live database and media. Whatever fails, whenever: what is live stays as it is."""

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from backup_system.errors import BackupError, UnusableBackupError
from backup_system.manifest import Contents, Manifest
from backup_system.media import download_media, keep_only, list_media
from backup_system.names import CONTENTS
from backup_system.recovery import alone_and_recovering, swap_media
from backup_system.session import Session
from backup_system.staging import anonymise, create_default_user, load, migrate, new_identifier
from backup_system.transfer import side_by_side
from backup_system.verbs.back_up import back_up_alone


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    anonymised: bool
    media_files: int


def restore(session: Session, wanted: str) -> Restored:
    """Return what was restored: `latest`, `latest:<environment>`, or a backup's URL."""
    configuration = session.configuration
    manifest = session.find(wanted)
    with alone_and_recovering(session):
        require_compatible(session, manifest)
        if configuration.environment == "prod":
            session.progress.say("A backup of PROD first, so that nothing can be lost.")
            back_up_alone(replace(session, store=configuration.open_store()))
        identifier = new_identifier(session)
        stage(session, manifest, identifier)
        anonymised = _bring_up_to_date(session, manifest, identifier)
        with session.progress.step("Swap"):
            session.database.swap(identifier)
            swap_media(session, identifier)
    return Restored(manifest=manifest, anonymised=anonymised, media_files=len(list_media(configuration.media)))


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
    folder = session.workplace.staging(identifier)
    folder.mkdir(mode=0o700)
    with session.workplace.scratch() as scratch:
        _fetch(session, manifest, scratch)
        contents = Contents.from_bytes((scratch / CONTENTS).read_bytes(), name=manifest.name)
        with session.progress.step("Fetch and check the media") as step:
            download_media(contents.media, folder / "media", transfer=session.transfer, step=step)
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
    left_out = keep_only(session.workplace.staging(identifier) / "media", kept)
    create_default_user(session, identifier)
    if left_out:
        session.progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")
    return True
