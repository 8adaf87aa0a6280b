"""`-b`: make a backup of this installation."""

from functools import partial
from pathlib import Path

from bedplate.backup.catalogue import names
from bedplate.backup.errors import ForbiddenError
from bedplate.backup.lease import Lease
from bedplate.backup.manifest import Census, Contents, Manifest, StoredFile
from bedplate.backup.media import upload_media
from bedplate.backup.names import CONTENTS, MANIFEST, MEDIA_LIST, BackupName
from bedplate.backup.recovery import alone_and_recovering
from bedplate.backup.session import Session
from bedplate.backup.stores import NEW
from bedplate.backup.transfer import Crew
from bedplate.backup.verbs.prune import remove_unfinished


def back_up(session: Session) -> Manifest:
    """Return the backup that was made. It exists from the moment its manifest does, which is written last."""
    with alone_and_recovering(session):
        return back_up_alone(session)


def back_up_alone(session: Session) -> Manifest:
    """Return the backup that was made by who is alone in the workplace."""
    configuration = session.configuration
    with session.writing() as lease, session.workplace.scratch() as scratch:
        _remove_unfinished(session, lease)
        name = _new_name(session)
        files, census, dump_files = _back_up_database(session, scratch, name)
        media = upload_media(
            configuration.media,
            project=configuration.project,
            transfer=session.transfer,
            scratch=scratch,
            progress=session.progress,
        )
        contents = Contents(census=census, media=media, dump_files=dump_files)
        files |= _upload_lists(session, scratch, name, contents)
        manifest = _finish(session, lease, name, files, contents)
    session.workplace.unmark_live()
    return manifest


def _remove_unfinished(session: Session, lease: Lease) -> None:
    if session.configuration.prunes_elsewhere:
        return
    try:
        remove_unfinished(session, lease)
    except ForbiddenError as error:
        session.progress.say(f"What an interrupted backup left is still there. {error}")


def _new_name(session: Session) -> BackupName:
    """Return a name that sorts after those of all earlier backups, but for those dated in the future."""
    project, environment, now = session.configuration.project, session.configuration.environment, session.now()
    earlier = (name for name in names(session.store, project, environment) if not name.is_in_the_future(now))
    return BackupName.new(project=project, environment=environment, now=now, after=next(earlier, None))


def _back_up_database(
    session: Session, scratch: Path, name: BackupName
) -> tuple[dict[str, StoredFile], Census, dict[str, str]]:
    """Return the files by their names in the backup, what they hold, and Contents.dump_files."""
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

    with session.progress.step("Back up the database") as step, Crew() as crew:
        census = session.database.dump(scratch / "database", finished=send, step=step, say=session.progress.say)
        crew.finish()
    return files, census, numbered


def _upload_lists(session: Session, scratch: Path, name: BackupName, contents: Contents) -> dict[str, StoredFile]:
    listed, needed = scratch / CONTENTS, scratch / MEDIA_LIST
    listed.write_bytes(contents.to_bytes())
    needed.write_text("".join(f"{media}\n" for media in sorted(contents.media_objects)))
    return {
        CONTENTS: session.transfer.upload(listed, name.object(CONTENTS), scratch=scratch),
        MEDIA_LIST: session.transfer.upload_readable(needed, name.object(MEDIA_LIST)),
    }


def _finish(
    session: Session, lease: Lease, name: BackupName, files: dict[str, StoredFile], contents: Contents
) -> Manifest:
    manifest = Manifest(
        name=name,
        engine=session.database.engine,
        encrypted=bool(session.configuration.encryption.recipients),
        database_size=session.database.size(),
        media_files=len(contents.media),
        media_size=sum(contents.media_objects.values()),
        files=files,
    )
    lease.confirm()
    session.store.write(name.object(MANIFEST), manifest.to_bytes(), generation=NEW)
    return manifest
