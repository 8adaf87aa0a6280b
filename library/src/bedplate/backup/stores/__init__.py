"""The store of the backups: a bucket of Google Cloud Storage, or a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

NEW: Final = "0"
"""The expected generation of an object that does not exist yet."""
WRITER: Final = "written-by"
"""The metadata of a small object in a bucket: by it a call knows what it wrote after the first answer was lost."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as its store reports it. Lists of a folder omit the checksum: they would have to read every file."""

    name: str
    size: int
    crc32c: str | None
    """In base64; None if the store does not report it."""
    generation: str
    """It changes whenever the object is written again."""
    created: datetime | None = None
    """The time by a clock that no account of the store can set: Google's. A folder has no such clock."""
    md5: str | None = None
    """In hexadecimal, computed by the service; None in a folder, and for objects that were composed of others."""


class Store(Protocol):
    """Objects by name. Every method raises BackupError, with a message for the user, when it fails."""

    @property
    def url(self) -> str:
        """The store's address, as users write it."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names start with the prefix."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix, which ends with a slash."""

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its generation. Raise MissingError if it does not exist."""

    def write(self, name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        """Write a small object, and return it. Raise ConflictError when it does not have the expected generation."""

    def upload(self, name: str, path: Path) -> StoredObject:
        """Upload a file, and return the object."""

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file. Raise MissingError if it does not exist."""

    def delete(self, name: str, *, generation: str | None = None) -> None:
        """Remove an object, if it exists. Raise ConflictError when it does not have the expected generation."""


class Bucket(Store, Protocol):
    """A bucket of uploads: its service copies objects."""

    def copy_within(self, original: StoredObject, name: str, *, replaces: str = NEW) -> StoredObject:
        """Let the service copy an object, as it was listed, and return the copy. No byte is read here.

        `replaces` is the generation of an earlier object with this name. One that already has these contents is not
        changed. Raise MissingError if the original is gone, ConflictError if either has changed.
        """
