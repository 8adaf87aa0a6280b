"""`--export`: write database and media as a tar, for use without a backup system."""

import shutil
import tarfile
from pathlib import Path
from typing import BinaryIO, Final

from bedplate.backup.disk import require_room
from bedplate.backup.errors import BackupError
from bedplate.backup.fetching import DUMP
from bedplate.backup.isolation import isolated_staging, limited_duration, reserve
from bedplate.backup.media_paths import leads_out, shown, stored_link
from bedplate.backup.recovery import locked_and_recovered
from bedplate.backup.session import Installation
from bedplate.backup.staging import Staging

DATABASE: Final = "database"
MEDIA: Final = "media"
PARTS: Final = frozenset({DATABASE, MEDIA})


def export(installation: Installation, output: BinaryIO, parts: frozenset[str], *, anonymized: bool) -> int:
    """Write a tar of these PARTS, with anonymized personal data unless `anonymized` is false.

    Return the number of media files that were left out because no rule keeps them. Only a copy of the database is used.
    """
    media = installation.live_media
    with locked_and_recovered(installation), tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        kept = None
        if anonymized or DATABASE in parts:  # the database knows which media may be shown
            kept = _export_database(installation, tar if DATABASE in parts else None, anonymized=anonymized)
        names = media.names() if MEDIA in parts else []
        wanted = names if kept is None else [name for name in names if name in kept]
        _add_media(installation, wanted, tar)
    return len(names) - len(wanted)


def _export_database(installation: Installation, tar: tarfile.TarFile | None, *, anonymized: bool) -> set[str] | None:
    """Return the names of the media files that may be shown; None for all."""
    kept = None
    _require_room(installation)
    with isolated_staging(installation) as staging:
        with limited_duration(installation):
            _copy_live_database(installation, staging)
            if anonymized:
                staging.migrate()
                kept = staging.anonymize()
        if tar:
            with installation.progress.step("Write the database"):
                file = staging.database.export(staging.folder)
                tar.add(file, arcname=file.name, filter=_anonymous)
    return kept


def _copy_live_database(installation: Installation, staging: Staging) -> None:
    dump = staging.folder / DUMP
    with installation.progress.step("Read the live database") as step:
        inventory = installation.database.dump(dump, finished=lambda _path: None, step=step, say=lambda _line: None)
    staging.load(dump, inventory, with_roles=False)  # the roles belong to this server
    shutil.rmtree(dump)


def _require_room(installation: Installation) -> None:
    """Raise BackupError when a dump, compressed or not, may not fit."""
    folder, needed = installation.work_directory.folder, installation.database.size()
    require_room("A copy of the database", folder, needed=needed, reserve=reserve(installation))


def _add_media(installation: Installation, names: list[str], tar: tarfile.TarFile) -> None:
    if not names:
        return
    progress = installation.progress
    with progress.step("Write the media") as step, installation.work_directory.scratch() as scratch:
        step.expect(len(names))
        for name in names:
            try:
                _add_medium(installation, name, tar, scratch)
            except (FileNotFoundError, NotADirectoryError):
                progress.say(f"Media file {shown(name)} vanished meanwhile: left out.")
            except PermissionError as error:
                raise BackupError(f"Media file {shown(name)} cannot be read: {error.strerror}.") from error
            step.advance()


def _add_medium(installation: Installation, name: str, tar: tarfile.TarFile, scratch: Path) -> None:
    media, arcname = installation.live_media, f"{MEDIA}/{name}"
    if (target := media.link(name)) is not None:
        member = tarfile.TarInfo(arcname)
        member.type, member.linkname = tarfile.SYMTYPE, stored_link(installation.configuration.media, name, target)
        if leads_out(name, member.linkname):
            installation.progress.say(f"Media link {shown(name)} points outside of the media folder: left out.")
        else:
            tar.addfile(member)
        return
    with media.as_file(name, scratch) as path, path.open("rb") as file:
        tar.addfile(_anonymous(tar.gettarinfo(arcname=arcname, fileobj=file)), file)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
