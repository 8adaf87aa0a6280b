"""`-b`: make a backup of this installation."""

from functools import partial
from pathlib import Path

from bedplate.backup.catalog import names
from bedplate.backup.commands.prune import remove_unfinished
from bedplate.backup.errors import ForbiddenError
from bedplate.backup.lease import Lease
from bedplate.backup.made_backups import add_backup
from bedplate.backup.manifest import BackupContents, DatabaseInventory, Manifest, StoredFile
from bedplate.backup.names import CONTENTS, MANIFEST, MEDIA_LIST, SIGNATURE, BackupName
from bedplate.backup.recovery import locked_and_recovered
from bedplate.backup.session import Session
from bedplate.backup.signatures import BACKUP
from bedplate.backup.stores import NEW
from bedplate.backup.transfer import WorkerPool
from bedplate.backup.trust import HOW, SIGNERS


def back_up(session: Session) -> Manifest:
    """Make a backup and return its manifest. It exists once its manifest does, which is written last."""
    session.trust.require_key()
    with locked_and_recovered(session):
        return back_up_locked(session)


def back_up_locked(session: Session) -> Manifest:
    """Make a backup and return its manifest. The caller holds the exclusive lock."""
    with session.writing() as lease, session.work_directory.scratch() as scratch:
        _remove_unfinished(session, lease)
        name = _new_name(session)
        files, inventory, dump_files = _back_up_database(session, scratch, name)
        project, transfer = session.configuration.project, session.transfer
        media = session.live_media.back_up(project=project, transfer=transfer, scratch=scratch)
        contents = BackupContents(inventory=inventory, media=media, dump_files=dump_files)
        files |= _upload_lists(session, scratch, name, contents)
        manifest = _finish(session, lease, name, files, contents)
    session.work_directory.unmark_live()
    _record(session, manifest)
    return manifest


def _record(session: Session, manifest: Manifest) -> None:
    try:
        add_backup(session.work_directory, session.store, manifest, policy=session.configuration.policy)
    except OSError as error:  # the backup is complete
        session.progress.say(f"This backup could not be recorded here, so its loss would not be noticed: {error}")
    if refusal := session.backup_refusal(manifest):
        session.progress.say(f"Note: this backup {refusal}, so it will not be trusted, not even here: {HOW}")
    elif not session.configuration.variables.private and not session.trust.is_published:
        session.progress.say(
            f"Note: web/config/{SIGNERS} does not name this environment's key: others will not trust its backups. "
            "Commit the line that ./google_storage.sh --public-key prints."
        )


def _remove_unfinished(session: Session, lease: Lease) -> None:
    if session.configuration.prunes_elsewhere:
        return
    try:
        remove_unfinished(session, lease)
    except ForbiddenError as error:
        session.progress.say(f"The leftovers of an interrupted backup are still there. {error}")


def _new_name(session: Session) -> BackupName:
    """Return a name that sorts after those of all trusted backups that are not dated in the future."""
    project, environment, now = session.configuration.project, session.configuration.environment, session.now()
    candidates = (name for name in names(session.store, project, environment) if not name.is_in_the_future(now))
    earlier = (name for name in candidates if session.trusts(name))
    return BackupName.new(project=project, environment=environment, now=now, after=next(earlier, None))


def _back_up_database(
    session: Session, scratch: Path, name: BackupName
) -> tuple[dict[str, StoredFile], DatabaseInventory, dict[str, str]]:
    """Return the files by their names in the backup, the inventory, and BackupContents.dump_files."""
    files: dict[str, StoredFile] = {}
    numbered: dict[str, str] = {}

    def upload(path: Path, file: str) -> None:
        files[file] = session.transfer.upload(path, name.object(file), scratch=scratch)
        path.unlink()

    def send(path: Path) -> None:
        file = path.name
        if session.configuration.encryption.recipients:
            file = str(len(numbered) + 1)
            numbered[file] = path.name
        crew.submit(partial(upload, path, f"database/{file}"))

    with session.progress.step("Back up the database") as step, WorkerPool() as crew:
        inventory = session.database.dump(scratch / "database", finished=send, step=step, say=session.progress.say)
        crew.finish()
    return files, inventory, numbered


def _upload_lists(session: Session, scratch: Path, name: BackupName, contents: BackupContents) -> dict[str, StoredFile]:
    listed, needed = scratch / CONTENTS, scratch / MEDIA_LIST
    listed.write_bytes(contents.to_bytes())
    needed.write_text("".join(f"{media}\n" for media in sorted(contents.media_objects)))
    return {
        CONTENTS: session.transfer.upload(listed, name.object(CONTENTS), scratch=scratch),
        MEDIA_LIST: session.transfer.upload_readable(needed, name.object(MEDIA_LIST)),
    }


def _finish(
    session: Session, lease: Lease, name: BackupName, files: dict[str, StoredFile], contents: BackupContents
) -> Manifest:
    manifest = Manifest(
        name=name,
        engine=session.database.engine,
        encrypted=bool(session.configuration.encryption.recipients),
        database_size=session.database.size(),
        media_files=len(contents.media),
        media_size=sum(contents.media_objects.values()),
        files=files,
        media_from_bucket=any(media.stored and media.stored.md5 for media in contents.media),
    )
    data = manifest.to_bytes()
    lease.renew()
    session.store.write(name.object(f"{MANIFEST}{SIGNATURE}"), session.trust.key.sign(data, BACKUP), generation=NEW)
    session.store.write(name.object(MANIFEST), data, generation=NEW)
    return manifest
