"""Where backups are kept: a bucket of Google Cloud Storage, or a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

NEW: Final = "0"
"""As the expected generation: there is no such object yet."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as its store reports it. A folder's list leaves the checksum out: it would read every file for it."""

    name: str
    size: int
    crc32c: str | None
    generation: str
    """Another one whenever the object is written anew."""
    created: datetime | None = None
    """When, by a clock that no account of the store can set: Google's. A folder has none such."""


class Store(Protocol):
    """Objects by name. Every method raises BackupError, with a message for people, when the store does not do it."""

    @property
    def url(self) -> str:
        """The store's address, which people know it by."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names begin so."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names, up to the next slash, that follow a prefix which ends with one."""

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its generation. Raise MissingError if there is none."""

    def write(self, name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        """Return the small object that was written. Raise ConflictError when it is not of the expected generation."""

    def upload(self, name: str, path: Path) -> StoredObject:
        """Return the object that was made of a file."""

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file. Raise MissingError if there is none."""

    def delete(self, name: str, *, generation: str | None = None) -> None:
        """Remove an object, if it is there. Raise ConflictError when it is not of the expected generation."""
