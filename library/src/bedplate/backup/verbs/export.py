"""`--export`: database and media for people who have no backup system, as a tar."""

import shutil
import tarfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from bedplate.backup.disk import require_room
from bedplate.backup.errors import BackupError
from bedplate.backup.fetching import DUMP
from bedplate.backup.media_paths import list_media, read_link, shown
from bedplate.backup.recovery import alone_and_recovering
from bedplate.backup.separate import limited_work, reserve, separate_staging
from bedplate.backup.session import Installation
from bedplate.backup.staging import Staging

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
            kept = _export_database(installation, tar if DATABASE in parts else None, anonymised=anonymised)
        names = list_media(root) if MEDIA in parts else []
        wanted = names if kept is None else [name for name in names if name in kept]
        _add_media(installation, root, wanted, tar)
    return len(names) - len(wanted)


def _export_database(installation: Installation, tar: tarfile.TarFile | None, *, anonymised: bool) -> set[str] | None:
    """Return the names of the media files that may be seen; None if all may be."""
    kept = None
    _require_room(installation)
    with separate_staging(installation) as staging:
        with limited_work(installation):
            _copy_live_database(installation, staging)
            if anonymised:
                staging.migrate()
                kept = staging.anonymise()
        if tar:
            with installation.progress.step("Write the database"):
                file = staging.database.export(staging.folder)
                tar.add(file, arcname=file.name, filter=_anonymous)
    return kept


def _copy_live_database(installation: Installation, staging: Staging) -> None:
    dump = staging.folder / DUMP
    with installation.progress.step("Read the live database") as step:
        census = installation.database.dump(dump, finished=lambda _path: None, step=step, say=lambda _line: None)
    staging.load(dump, census, with_roles=False)  # which are this server's own
    shutil.rmtree(dump)


def _require_room(installation: Installation) -> None:
    """Raise BackupError when a dump, compressed or not, may not fit."""
    folder, needed = installation.workplace.folder, installation.database.size()
    require_room("A copy of the database", folder, needed=needed, reserve=reserve(installation))


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
