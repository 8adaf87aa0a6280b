"""A folder as a store: `file:///path`."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bedplate.backup.checksums import crc32c_of
from bedplate.backup.errors import BackupError, ConflictError, MissingError, WrongUseError
from bedplate.backup.stores import NEW, StoredObject

UNFINISHED: Final = ".unfinished-"
LOCK: Final = ".lock"


class FolderStore:
    """Objects as files. Each appears complete, in one move; unfinished files have names that no object has."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise WrongUseError(f"{url} is not a folder of this machine: write file:///path/of/the/folder.")
        self.url = url.rstrip("/")
        self.root = Path(unquote(parts.path))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names start with the prefix, and leftovers of interrupted uploads, for pruning."""
        for parent, folders, names in os.walk(self._path(prefix.rpartition("/")[0]), onerror=_raise):
            folders.sort()
            for name in sorted(names):
                object_name = Path(parent, name).relative_to(self.root).as_posix()
                if object_name.startswith(prefix) and object_name != LOCK:
                    with suppress(MissingError):  # removed meanwhile, as unfinished files are when they are finished
                        yield self._describe(object_name, with_checksum=False)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix, which ends with a slash."""
        with self._translated_errors(prefix):
            self._require_root()
            try:  # Path.is_dir() would return False for a folder without access: its contents would seem gone
                with os.scandir(self._path(prefix)) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                return []

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its generation."""
        with self._translated_errors(name), self._path(name).open("rb") as file:
            return file.read(), _generation(os.fstat(file.fileno()))

    def write(self, name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        """Write a small object, if it has the expected generation, and return it."""
        return self._put(name, lambda path: path.write_bytes(data), generation=generation)

    def upload(self, name: str, path: Path) -> StoredObject:
        """Upload a file, and return the object."""
        return self._put(name, lambda target: shutil.copyfile(path, target), generation=None)

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file."""
        with self._translated_errors(name):
            shutil.copyfile(self._path(name), path)

    def delete(self, name: str, *, generation: str | None = None) -> None:
        """Remove an object and the folders that this leaves empty."""
        path = self._path(name)
        with self._translated_errors(name), self._one_at_a_time(generation):
            self._require(name, generation)
            path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self.root or not _remove_empty(parent):
                return

    def _put(self, name: str, fill: Callable[[Path], object], *, generation: str | None) -> StoredObject:
        target = self._path(name)
        with self._translated_errors(name):
            self._require_root()
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=target.parent)
            os.close(descriptor)
            try:
                fill(Path(unfinished))
                with open(unfinished, "rb") as file:  # noqa: PTH123 - for its descriptor
                    os.fsync(file.fileno())
                with self._one_at_a_time(generation):
                    self._require(name, generation)
                    Path(unfinished).replace(target)
            finally:
                Path(unfinished).unlink(missing_ok=True)
        return self._describe(name, with_checksum=True)

    def _require_root(self) -> None:
        if not self.root.is_dir():  # not created: perhaps it is on a disk that is not mounted
            raise BackupError(f"The folder {self.root} does not exist. Make it, or set BACKUP_URL to another.")

    def _require(self, name: str, generation: str | None) -> None:
        path = self._path(name)
        found = _generation(path.stat()) if path.exists() else NEW
        if generation is not None and generation != found:
            raise ConflictError(f"{self.url}/{name} has been changed by another writer.")

    @contextmanager
    def _one_at_a_time(self, generation: str | None) -> Iterator[None]:
        if generation is None:
            yield
            return
        with (self.root / LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _describe(self, name: str, *, with_checksum: bool) -> StoredObject:
        path = self._path(name)
        with self._translated_errors(name):
            status = path.stat()
            checksum = crc32c_of(path) if with_checksum else None
        return StoredObject(name=name, size=status.st_size, crc32c=checksum, generation=_generation(status))

    def _path(self, name: str) -> Path:
        if ".." in name.split("/") or name.startswith("/"):
            raise BackupError(f"{name} is not an object's name.")
        return self.root / name

    @contextmanager
    def _translated_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self._require_root()  # otherwise the state of the object is unknown
            raise MissingError(f"{self.url}/{name} is missing.") from None
        except OSError as error:
            advice = {
                errno.ENOSPC: "The disk is full: make room.",
                errno.EACCES: "Access denied: make the folder yours, or set BACKUP_URL to another.",
                errno.EROFS: "It is read-only: set BACKUP_URL to another folder.",
            }.get(error.errno or 0, "")
            raise BackupError(f"{self.url}/{name}: {error.strerror}. {advice}".rstrip()) from None


def _generation(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise BackupError(f"{error.filename} cannot be read: {error.strerror}.") from error
