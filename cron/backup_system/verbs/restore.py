"""`-r`: make a backup the live database and media. Whatever fails, whenever: what is live stays as it is."""

from dataclasses import dataclass, replace

from backup_system.fetching import DUMP, fetch_dump, require_compatible, require_room
from backup_system.manifest import Manifest
from backup_system.media import download_media, keep_only, list_media
from backup_system.recovery import alone_and_recovering, swap_media
from backup_system.session import Session
from backup_system.staging import Staging, new_identifier
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
        require_compatible(session, manifest, session.database.engine)
        require_room(session, manifest, manifest.size)
        if configuration.environment == "prod":
            session.progress.say("A backup of PROD first, so that nothing can be lost.")
            back_up_alone(replace(session, store=configuration.open_store()))
        identifier = new_identifier(session)
        staging = Staging.of_restore(session, identifier)
        stage(session, manifest, staging)
        anonymised = _bring_up_to_date(session, manifest, staging)
        with session.progress.step("Swap"):
            session.database.swap(identifier)
            swap_media(session, identifier)
    return Restored(manifest=manifest, anonymised=anonymised, media_files=len(list_media(configuration.media)))


def stage(session: Session, manifest: Manifest, staging: Staging) -> None:
    """Fill a staging database from a backup, with media beside the live ones.

    Raise BackupError when it is damaged, or does not hold what was backed up.
    """
    staging.folder.mkdir(mode=0o700)
    with session.workplace.scratch() as scratch:
        contents = fetch_dump(session, manifest, scratch)
        with session.progress.step("Fetch and check the media") as step:
            download_media(contents.media, staging.folder / "media", transfer=session.transfer, step=step)
        staging.load(scratch / DUMP, contents.census)


def _bring_up_to_date(session: Session, manifest: Manifest, staging: Staging) -> bool:
    """Return whether the staging database was anonymised, after it was migrated to what the code here expects."""
    staging.migrate()
    if manifest.name.environment != "prod" or session.configuration.environment == "prod":
        return False
    kept = staging.anonymise()
    left_out = keep_only(staging.folder / "media", kept)
    staging.create_default_user()
    if left_out:
        session.progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")
    return True
