"""Free space for a restore, on this machine's disks. PostgreSQL's disk must never be full."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup.disk import MEGABYTE, limited_writing, require_room, watch_disk
from bedplate.backup.encryption import SUFFIX
from bedplate.backup.manifest import Manifest, MediaFile
from bedplate.backup.session import Session
from bedplate.backup.transfer import THREADS

BLOCK: Final = 4096
"""The block size of file systems in bytes: a smaller file takes one block."""


def require_room_to_restore(session: Session, manifest: Manifest) -> None:
    """Raise BackupError if the restore would not fit. Print the needed space if the server's disk is not visible."""
    if not session.database.disk:
        on_server = session.database.room(manifest.database_size)
        session.progress.say(
            "The disk of the PostgreSQL server is not visible from here: it must have "
            f"{-(-on_server // MEGABYTE)} MB free."
        )
    # The dump stays until it is loaded.
    _require_room(session, manifest, dump=manifest.size - manifest.media_size, media=manifest.media_size)


def require_room_for_media(session: Session, manifest: Manifest, media: Iterable[MediaFile]) -> None:
    """Do the same after fetching the dump. Only it shows how often each object is written: files may be identical."""
    stored = [file.stored for file in media if file.stored]
    encrypted = sorted(file.stored_size for file in stored if file.object.endswith(SUFFIX))
    written = sum(-(-file.size // BLOCK) * BLOCK for file in stored) + sum(encrypted[-THREADS:])
    _require_room(session, manifest, dump=0, media=written)


def _require_room(session: Session, manifest: Manifest, *, dump: int, media: int) -> None:
    needed = Counter({session.work_directory.folder: dump})
    for folder in session.live_media.disks:
        needed[folder] += media
    if disk := session.database.disk:
        needed[disk] += session.database.room(manifest.database_size)
    for folder, size in _by_disk(needed).items():
        require_room("The backup", folder, needed=size, reserve=_reserve(session))


def _by_disk(needed: Counter[Path]) -> dict[Path, int]:
    """Return the bytes that are needed on each disk, by one of its folders."""
    folders: dict[int, Path] = {}
    sums: Counter[Path] = Counter()
    for folder, size in needed.items():
        sums[folders.setdefault(folder.stat().st_dev, folder)] += size
    return sums


@contextmanager
def guarded(session: Session, restore: str) -> Iterator[None]:
    """Watch each disk during a restore; below the reserve, stop its writes, and end its sessions on the server."""
    disk, reserve = session.database.disk, _reserve(session)
    filled = [session.work_directory.folder, *session.live_media.disks, *filter(None, [disk])]
    with ExitStack() as stack:
        if disk:
            stop = partial(session.database.close_staging, restore)
            stack.enter_context(watch_disk(disk, reserve=reserve, stop=stop))
        for folder in _by_disk(Counter(filled)):
            stack.enter_context(limited_writing(folder, reserve=reserve))
        yield


def _reserve(session: Session) -> int:
    return session.configuration.variables.backup_disk_reserve_mb * MEGABYTE
