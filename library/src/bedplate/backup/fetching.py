"""What a restore and a drill have in common: whether this machine can use a backup, and its dump on this disk."""

from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup import disk
from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import Contents, Engine, Manifest
from bedplate.backup.names import CONTENTS, media_folder
from bedplate.backup.session import Session
from bedplate.backup.transfer import side_by_side

DUMP: Final = "database"
"""The folder of the dump, below the one that it is fetched into."""


def require_compatible(session: Session, manifest: Manifest, here: Engine) -> None:
    """Raise BackupError when that server cannot restore the backup, or this machine cannot read it."""
    there = manifest.engine
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


def require_room(session: Session, manifest: Manifest, needed: int) -> None:
    """Raise BackupError unless this number of bytes fits beside the reserve."""
    reserve = session.configuration.variables.backup_disk_reserve_mb * disk.MEGABYTE
    disk.require_room(f"The backup {manifest.name}", session.workplace.folder, needed=needed, reserve=reserve)


def fetch_dump(session: Session, manifest: Manifest, folder: Path) -> Contents:
    """Return the contents of a backup whose dump is now in the folder, each file with the checksum that it had."""
    require_own_objects(manifest)
    (folder / DUMP).mkdir()
    files = manifest.files
    with session.progress.step("Fetch and check the database") as step:
        step.expect(sum(file.stored_size for file in files.values()))

        def fetch(name: str) -> None:
            if Path(name).parent.as_posix() not in {DUMP, "."} or ".." in name:
                raise UnusableBackupError(f"The backup names a file outside of itself ({name}). It is not restored.")
            session.transfer.download(files[name], folder / name)
            step.advance(files[name].stored_size)

        side_by_side(partial(fetch, name) for name in files)
    contents = Contents.from_bytes((folder / CONTENTS).read_bytes(), name=manifest.name)
    if not all(name.startswith(media_folder(manifest.name.project)) for name in contents.media_objects):
        raise UnusableBackupError("The backup names media that are not its project's. It is not restored.")
    _name_dump_files(folder / DUMP, contents)
    return contents


def require_own_objects(manifest: Manifest) -> None:
    """Raise UnusableBackupError when the manifest names an object of another backup, or two kinds of checksums.

    Who can write to the store, and has no key, could otherwise have this machine decrypt an object for them into a
    file that everyone may read, or, by the result of a drill, test a guess of its contents.
    """
    for name, file in manifest.files.items():
        own = manifest.name.object(name)
        if file.object not in {own, f"{own}{SUFFIX}"}:
            raise UnusableBackupError(
                f"The backup names an object that is not its own ({file.object}). Restore another."
            )
    encrypted = [file for file in manifest.files.values() if file.object.endswith(SUFFIX)]
    if len({file.sha256 is None for file in encrypted}) > 1:
        raise UnusableBackupError("The backup has checksums of two kinds: it was edited. Restore another.")


def _name_dump_files(dump: Path, contents: Contents) -> None:
    """Rename the numbered files of an encrypted backup. Raise UnusableBackupError if others were expected."""
    if contents.dump_files and contents.dump_files.keys() != {path.name for path in dump.iterdir()}:
        raise UnusableBackupError(f"The backup has other files than its {CONTENTS} names. Restore another backup.")
    for number, name in contents.dump_files.items():
        (dump / number).rename(dump / name)
