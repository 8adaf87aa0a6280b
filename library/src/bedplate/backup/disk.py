"""Free space on a disk: check it before work begins, and watch it during the work."""

import os
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bedplate.backup.errors import BackupError

MEGABYTE: Final = 1 << 20
POLL_SECONDS: Final = 0.5
"""The interval between two checks. Even on a fast disk, less than the reserve is written meanwhile."""


def free_space(folder: Path) -> int:
    """Return the bytes that are free on the folder's disk for a process without privileges."""
    return shutil.disk_usage(folder).free


def require_room(what: str, folder: Path, *, needed: int, reserve: int) -> None:
    """Raise BackupError unless the folder's disk keeps the reserve once `needed` bytes are written."""
    if needed + reserve > (free := free_space(folder)):
        raise BackupError(
            f"{what} needs {_megabytes(needed)} MB of disk beside the reserve of {_megabytes(reserve)} MB, "
            f"{free // MEGABYTE} are free. Make room."
        )


@contextmanager
def watch_disk(folder: Path, *, reserve: int, stop: Callable[[], None]) -> Iterator[None]:
    """Watch the folder's disk while the block runs; below the reserve, call `stop` once, from another thread.

    Raise BackupError at the end of the block if that happened, whatever the block itself raised.
    """
    low, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.wait(POLL_SECONDS):
            if free_space(folder) < reserve:
                low.set()
                stop()
                return

    thread = threading.Thread(target=look, name="watch-disk")
    thread.start()
    try:
        yield
    except Exception as error:
        if low.is_set():
            raise _full(reserve) from error
        raise
    finally:
        ended.set()
        thread.join()
    if low.is_set():
        raise _full(reserve)


@contextmanager
def limited_writing(folder: Path, *, reserve: int) -> Iterator[None]:
    """Stop this process and the programs that it runs from writing once the folder's disk is below the reserve.

    Raise BackupError then. A server may report wrong sizes, and other programs write to the disk as well.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def refuse_writing() -> None:  # the kernel makes each write to a file fail, in any library
        for process in (os.getpid(), *_descendants("self")):
            with suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (0, before[1]))

    try:
        with watch_disk(folder, reserve=reserve, stop=refuse_writing):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _descendants(process: int | str) -> Iterator[int]:
    """Yield the ids of a process's children, and of their children."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            for child in map(int, children.read_text().split()):
                yield child
                yield from _descendants(child)


def _full(reserve: int) -> BackupError:
    return BackupError(
        f"The disk had less than {_megabytes(reserve)} MB left: the work was ended before the disk was full. Make room."
    )


def _megabytes(size: int) -> int:
    return -(-size // MEGABYTE)
