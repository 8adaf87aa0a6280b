"""Paths below a folder in which others write too: each folder on the way is opened by itself, and no link is followed.

Another service can replace a folder of uploads by a link at any moment, between a check and the use of a path. The
system calls with the descriptor of a folder (openat(2) and the like) have no such moment.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ELOOP, ENOTDIR
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISLNK
from typing import BinaryIO, Final

from bedplate.backup.checksums import PIECE

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe must not stop the backup: opening it for reading returns at once.
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
DESCRIPTORS: Final = Path("/proc/self/fd")
OWNER: Final = 0o700


@dataclass(frozen=True)
class Below:
    """A path below `root`. Only the root's own path is trusted; others may change everything below it."""

    root: Path
    name: str = ""
    """The path from the root, with slashes; empty for the root itself."""

    def __truediv__(self, name: str) -> "Below":
        """Return the path of an entry, or of one further below."""
        return Below(self.root, f"{self.name}/{name}" if self.name else name)

    @property
    def path(self) -> Path:
        """The path for messages: opening it would follow links."""
        return self.root / self.name

    @contextmanager
    def folder(self, *, make: int = 0) -> Iterator[int]:
        """Yield the descriptor of this folder; missing ones are made with the mode `make`, if given.

        Raise FileNotFoundError, or NotADirectoryError if a part of the path is a link or a file.
        """
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in self._parts():
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, make, dir_fd=descriptor)
                inner = self._open(part, FOLDER, descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self) -> Iterator[tuple[int, str]]:
        """Yield the descriptor of the folder that this path is in, and the name there."""
        *folders, name = self._parts()
        with Below(self.root, "/".join(folders)).folder() as descriptor:
            yield descriptor, name

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """Yield the path of an open file that stays the same, whatever happens to its name.

        Raise FileNotFoundError, or NotADirectoryError for a link. Without /proc (macOS) it is the file's own path:
        there, only embedded mode makes backups, which is one service.
        """
        with self.parent() as (folder, name):
            descriptor = self._open(name, FILE, folder)
        try:
            yield DESCRIPTORS / str(descriptor) if DESCRIPTORS.is_dir() else self.path
        finally:
            os.close(descriptor)

    @contextmanager
    def created(self) -> Iterator[BinaryIO]:
        """Yield a new file, to be written. Raise FileExistsError if there is anything by its name, a link included."""
        with self.parent() as (folder, name):
            descriptor = os.open(name, NEW_FILE, 0o666, dir_fd=folder)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            yield file

    def status(self) -> os.stat_result:
        """Return the status of the file, folder or link itself."""
        with self.parent() as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def link(self) -> str | None:
        """Return where a link leads to, as it is written there; None if this is no link."""
        with self.parent() as (folder, name):
            if not S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return None
            return os.readlink(name, dir_fd=folder)

    def is_folder(self) -> bool:
        """Return whether this is a folder, and no part of its path a link."""
        try:
            with self.folder():
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False

    def entries(self) -> list[str]:
        """Return the names in this folder; none if it is missing or a link."""
        try:
            with self.folder() as descriptor:
                return sorted(os.listdir(descriptor))  # noqa: PTH208 - a descriptor
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make(self, mode: int = 0o777) -> None:
        """Make this folder and those above it, unless they exist."""
        with self.folder(make=mode):
            pass

    def remove_empty(self) -> None:
        """Remove this folder. Raise OSError if it is not empty."""
        with self.parent() as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def move(self, target: "Below") -> None:
        """Move this file or folder. Keep new files at the target: merge folders, rename a file."""
        if self.is_folder() and target.is_folder():
            for name in self.entries():
                (self / name).move(target / name)
            self.remove_empty()
            return
        with self.parent() as (here, name), target.parent() as (there, new_name):
            with suppress(FileNotFoundError):
                os.stat(new_name, dir_fd=there, follow_symlinks=False)
                os.rename(new_name, f"{new_name}.{secrets.token_hex(4)}", src_dir_fd=there, dst_dir_fd=there)
            os.rename(name, new_name, src_dir_fd=here, dst_dir_fd=there)

    def copy(self, target: "Below") -> None:
        """Copy this folder to another disk; the target appears when it is complete."""
        unfinished = Below(target.root, f"{target.name}.unfinished")
        unfinished.remove(say=lambda _line: None)
        _copy_contents(self, unfinished)
        unfinished.move(target)

    def remove(self, *, say: Callable[[str], None]) -> None:
        """Remove this folder, with folders that their owner may not read. Report what cannot be removed, and go on."""
        for inside in self._folders():
            with suppress(OSError):  # of another user: reported below
                inside.allow_owner()
        try:
            with self.parent() as (folder, name):
                shutil.rmtree(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            reason = error.strerror or str(error)
            say(f"{self.path / str(error.filename or '')} could not be removed ({reason}): remove {self.path} as root.")

    def allow_owner(self) -> None:
        """Let this folder's owner read and change it, where descriptors have paths."""
        if path_only := getattr(os, "O_PATH", 0):
            with self.parent() as (folder, name):
                descriptor = self._open(name, path_only | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, folder)
            try:
                if os.fstat(descriptor).st_mode & OWNER != OWNER:
                    (DESCRIPTORS / str(descriptor)).chmod(OWNER)
            finally:
                os.close(descriptor)

    def _folders(self) -> Iterator["Below"]:
        """Yield this folder and all below it, each before those in it are listed."""
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            with suppress(OSError):
                waiting += [folder / name for name in folder.entries() if S_ISDIR((folder / name).status().st_mode)]

    def _parts(self) -> tuple[str, ...]:
        parts = PurePosixPath(self.name).parts
        if ".." in parts or "/" in parts:
            raise ValueError(f"{self.name!r} leads out of {self.root}.")
        return parts

    def _open(self, name: str, flags: int, folder: int) -> int:
        try:
            return os.open(name, flags, dir_fd=folder)
        except OSError as error:
            if error.errno in {ELOOP, ENOTDIR}:
                raise NotADirectoryError(ENOTDIR, "It is a link, which is not followed", str(self.path)) from error
            raise type(error)(error.errno, error.strerror, str(self.path)) from error


def _copy_contents(source: Below, target: Below) -> None:
    target.make()
    for name in source.entries():
        entry, copy = source / name, target / name
        if (link := entry.link()) is not None:
            with copy.parent() as (folder, new):
                os.symlink(link, new, dir_fd=folder)
        elif S_ISDIR(entry.status().st_mode):
            _copy_contents(entry, copy)
        else:
            with entry.opened() as path, path.open("rb") as file, copy.created() as written:
                shutil.copyfileobj(file, written, PIECE)


def files_below(root: Path, *, without: str, unreadable: Callable[[OSError], None]) -> list[str]:
    """Return the paths of the files and links below a folder; none if it does not exist. Folders are not listed.

    `without` is an entry of the root that is left out. A folder that vanishes, or becomes a link, is left out.
    `unreadable` gets the error, with its path, for a folder that cannot be read.
    """
    found: list[str] = []
    waiting = [Below(root)]
    while waiting:
        place = waiting.pop()
        try:
            with place.folder() as folder, os.scandir(folder) as entries:
                inside = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            unreadable(error)
            continue
        if not place.name:
            inside.pop(without, None)
        waiting += [place / name for name, is_folder in inside.items() if is_folder]
        found += [(place / name).name for name, is_folder in inside.items() if not is_folder]
    return sorted(found)
