"""`--export`: database and media for people who have no backup system, as a tar."""

import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from backup_system.errors import BackupError
from backup_system.media_paths import list_media, read_link, shown
from backup_system.recovery import alone_and_recovering
from backup_system.session import Installation
from backup_system.staging import anonymise, load, migrate, new_identifier

DATABASE: Final = "database"
MEDIA: Final = "media"
PARTS: Final = frozenset({DATABASE, MEDIA})


def export(installation: Installation, output: BinaryIO, parts: frozenset[str], *, anonymised: bool) -> int:
    """Write a tar of these PARTS, in which personal data are anonymised unless told otherwise.

    Return how many media files were left out because no rule keeps them. All work is done on a copy of the database.
    """
    root = installation.configuration.media
    with alone_and_recovering(installation), tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        kept = None
        if anonymised or DATABASE in parts:  # which media may be seen, the database knows
            identifier = new_identifier(installation)
            _copy_live_database(installation, identifier)
            if anonymised:
                migrate(installation, identifier)
                kept = anonymise(installation, identifier)
            if DATABASE in parts:
                _add_database(installation, identifier, tar)
        names = list_media(root) if MEDIA in parts else []
        wanted = names if kept is None else [name for name in names if name in kept]
        _add_media(installation, root, wanted, tar)
    return len(names) - len(wanted)


def _copy_live_database(installation: Installation, identifier: str) -> None:
    _require_room(installation)
    installation.workplace.staging(identifier).mkdir(mode=0o700)
    with installation.workplace.scratch() as scratch:
        dump = scratch / "database"
        with installation.progress.step("Read the live database") as step:
            census = installation.database.dump(dump, finished=lambda _path: None, step=step)
        load(installation, dump, census, identifier, with_roles=False)  # which are this server's own


def _require_room(installation: Installation) -> None:
    """Raise BackupError when a dump, compressed or not, may not fit."""
    needed, free = installation.database.size(), shutil.disk_usage(installation.workplace.folder).free
    if needed > free:
        raise BackupError(f"A copy of the database needs up to {needed >> 20} MB of disk, {free >> 20} are free.")


def _add_database(installation: Installation, identifier: str, tar: tarfile.TarFile) -> None:
    with installation.workplace.scratch() as scratch, installation.progress.step("Write the database"):
        file = installation.database.export(identifier, scratch)
        tar.add(file, arcname=file.name, filter=_anonymous)


def _add_media(installation: Installation, root: Path, names: list[str], tar: tarfile.TarFile) -> None:
    if not names:
        return
    with installation.progress.step("Write the media") as step:
        step.expect(len(names))
        for name in names:
            try:
                link = read_link(root, name) if (root / name).is_symlink() else ""
                edited = partial(_anonymous, link=link)
                tar.add(root / name, arcname=f"{MEDIA}/{name}", filter=edited, recursive=False)
            except FileNotFoundError:
                installation.progress.say(f"Media file {shown(name)} vanished meanwhile: left out.")
            except PermissionError as error:
                raise BackupError(f"Media file {shown(name)} cannot be read: {error.strerror}.") from error
            step.advance()


def _anonymous(member: tarfile.TarInfo, *, link: str = "") -> tarfile.TarInfo:
    member.linkname = link or member.linkname
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
