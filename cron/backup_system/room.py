"""Room for a restore: on this machine's disks, PostgreSQL's own among them, which must never be full."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from backup_system.disk import MEGABYTE, limited_writing, require_room, watch_disk
from backup_system.manifest import Manifest
from backup_system.session import Session


def require_room_to_restore(session: Session, manifest: Manifest) -> None:
    """Raise BackupError when the restore would not fit. Say so where the server's disk cannot be seen."""
    database, media = session.database, session.live_media
    needed = Counter({session.workplace.folder: manifest.size - manifest.media_size})  # the dump, until it is loaded
    needed[media.root if media.apart else session.workplace.folder] += manifest.media_size
    on_server = database.room(manifest.database_size)
    if database.disk:
        needed[database.disk] += on_server
    else:
        session.progress.say(
            "The disk of the PostgreSQL server cannot be seen from here: it has to have "
            f"{-(-on_server // MEGABYTE)} MB free."
        )
    for folder, size in _by_disk(needed).items():
        require_room("The backup", folder, needed=size, reserve=_reserve(session))


def _by_disk(needed: Counter[Path]) -> dict[Path, int]:
    """Return what is needed on each disk, by one of its folders."""
    folders: dict[int, Path] = {}
    sums: Counter[Path] = Counter()
    for folder, size in needed.items():
        sums[folders.setdefault(folder.stat().st_dev, folder)] += size
    return sums


@contextmanager
def guarded(session: Session, restore: str) -> Iterator[None]:
    """Watch the server's disk while a restore fills it; below the reserve, end its sessions and its writing."""
    disk, reserve = session.database.disk, _reserve(session)
    if not disk:
        yield
        return
    stop = partial(session.database.close_staging, restore)
    with watch_disk(disk, reserve=reserve, stop=stop), limited_writing(disk, reserve=reserve):
        yield


def _reserve(session: Session) -> int:
    return session.configuration.variables.backup_disk_reserve_mb * MEGABYTE
