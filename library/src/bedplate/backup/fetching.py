"""Steps shared by restores and drills: check that this machine can use a backup, and fetch its dump."""

from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup import disk
from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import BackupContents, Engine, Manifest
from bedplate.backup.names import CONTENTS, media_folder
from bedplate.backup.session import Session
from bedplate.backup.transfer import run_parallel

DUMP: Final = "database"
"""The folder of the dump, below the target folder."""


def require_compatible(session: Session, manifest: Manifest, here: Engine) -> None:
    """Raise BackupError when the server `here` cannot restore the backup, or this machine cannot read it."""
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
    disk.require_room(f"The backup {manifest.name}", session.work_directory.folder, needed=needed, reserve=reserve)


def fetch_dump(session: Session, manifest: Manifest, folder: Path) -> BackupContents:
    """Fetch the dump of a backup into the folder, and verify its checksums. Return the backup's contents."""
    require_own_objects(manifest)
    (folder / DUMP).mkdir()
    files = manifest.files
    with session.progress.step("Fetch and check the database") as step:
        step.expect(sum(file.stored_size for file in files.values()))

        def fetch(name: str) -> None:
            if Path(name).parent.as_posix() not in {DUMP, "."} or ".." in name:
                raise UnusableBackupError(
                    f"The backup names a file outside of its folder ({name}). It is not restored."
                )
            session.transfer.download(files[name], folder / name)
            step.advance(files[name].stored_size)

        run_parallel(partial(fetch, name) for name in files)
    contents = BackupContents.from_bytes((folder / CONTENTS).read_bytes(), name=manifest.name)
    if not all(name.startswith(media_folder(manifest.name.project)) for name in contents.media_objects):
        raise UnusableBackupError("The backup names media of another project. It is not restored.")
    _name_dump_files(folder / DUMP, contents)
    return contents


def require_own_objects(manifest: Manifest) -> None:
    """Raise UnusableBackupError if the manifest names an object of another backup, or two kinds of checksums.

    Otherwise someone with write access to the store, but without the key, could make this machine decrypt an object
    into a file that everyone may read, or test a guess of its contents by the result of a drill.
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


def _name_dump_files(dump: Path, contents: BackupContents) -> None:
    """Rename the numbered files of an encrypted backup. Raise UnusableBackupError if they are not the expected ones."""
    if contents.dump_files and contents.dump_files.keys() != {path.name for path in dump.iterdir()}:
        raise UnusableBackupError(
            f"The backup's files are not those that its {CONTENTS} lists. Restore another backup."
        )
    for number, name in contents.dump_files.items():
        (dump / number).rename(dump / name)
