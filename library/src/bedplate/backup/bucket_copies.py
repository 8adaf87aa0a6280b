"""Copies of media in a bucket: Google copies them to a bucket of backups; another store gets what is read once.

A copy is known by the path, size and checksums of the original, as its service reports them: nothing has to be read to
know that the store has it. The path belongs to it because MD5 does not withstand its own author: someone could upload
two files with the same MD5, and after a restore one would stand in the place of the other.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from bedplate.backup.checksums import checksums, md5_of
from bedplate.backup.errors import BackupError, ChangedError, ConflictError, MissingError, UnusableBackupError
from bedplate.backup.manifest import MediaFile, StoredFile
from bedplate.backup.media import TRIES, known_media, name_of_media
from bedplate.backup.media_paths import RESTORES, require_safe_paths, shown
from bedplate.backup.names import media_folder
from bedplate.backup.progress import Progress
from bedplate.backup.stores import NEW, Bucket, StoredObject
from bedplate.backup.stores.google import GoogleStore
from bedplate.backup.transfer import Transfer

THREADS: Final = 8
"""A copy only waits for the service."""


def list_objects(bucket: Bucket) -> dict[str, StoredObject]:
    """Return the media in the bucket, by their paths, without what restores keep there.

    The empty objects that stand for folders in the services' consoles are left out.
    """
    found = (each for each in bucket.list("") if not each.name.startswith(f"{RESTORES}/"))
    return {each.name: each for each in found if each.name and (each.size or not each.name.endswith("/"))}


def identity(original: StoredObject) -> str:
    """Return the name of an object's content at its path; it has the form of a SHA-256, like that of files."""
    known_by = (original.name, str(original.size), str(original.crc32c), str(original.md5))
    return hashlib.sha256("\0".join(known_by).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class BucketCopies:
    """The copies of one backup."""

    bucket: Bucket
    folder: str
    """The prefix of the copies' names."""
    known: dict[str, StoredObject]
    """The objects in the store, by Encryption.content_name."""
    transfer: Transfer
    scratch: Path
    say: Callable[[str], None]

    def copy(self, original: StoredObject) -> MediaFile | None:
        """Return the file as the store holds it; None if it is gone."""
        name = original.name
        for _ in range(TRIES):
            try:
                return MediaFile(path=name, stored=self._copy(original))
            except MissingError:
                self.say(f"Media file {shown(name)} vanished meanwhile: left out.")
                return None
            except (ConflictError, ChangedError):
                original = next((each for each in self.bucket.list(name) if each.name == name), original)
        raise BackupError(f"Media file {shown(name)} changes all the time: it cannot be backed up. Try again later.")

    def _copy(self, original: StoredObject) -> StoredFile:
        if original.md5 is None:  # composed of others, by a tool: the checksum is that of what is read
            return self._read(original, content="")
        encryption, store = self.transfer.encryption, self.transfer.store
        content = encryption.content_name(identity(original))
        known = self.known.get(content)
        if known and (encryption.recipients or _same(known, original)):
            return _stored(original, known)
        if isinstance(store, GoogleStore) and isinstance(self.bucket, GoogleStore) and not encryption.recipients:
            replaces = known.generation if known else NEW
            return _stored(original, store.copy(self.bucket, original, f"{self.folder}{content}", replaces=replaces))
        return self._read(original, content=content)

    def _read(self, original: StoredObject, *, content: str) -> StoredFile:
        """Download and upload an object; without `content`, it is known by its SHA-256, like a file."""
        path = self.scratch / f"media-{secrets.token_hex(8)}"
        try:
            self.bucket.download(original.name, path)
            found = checksums(path)
            if found.size != original.size or original.crc32c not in {None, found.crc32c}:
                raise ChangedError(f"{original.name} has changed meanwhile.")
            if original.md5 not in {None, md5_of(path)}:
                raise ChangedError(f"{original.name} has changed meanwhile.")
            content_name = content or self.transfer.encryption.content_name(found.sha256)
            naming = partial(name_of_media, self.transfer, self.folder, content_name)
            stored = self.transfer.upload_as(path, naming, scratch=self.scratch, before=found)
        finally:
            path.unlink(missing_ok=True)
        return replace(stored, sha256=None, md5=original.md5) if content else stored


def _same(known: StoredObject, original: StoredObject) -> bool:
    """Return whether the store's copy has not been damaged or replaced, as far as the store reports it."""
    reported = ((known.crc32c, original.crc32c), (known.md5, original.md5))
    return known.size == original.size and all(None in pair or len(set(pair)) == 1 for pair in reported)


def _stored(original: StoredObject, copy: StoredObject) -> StoredFile:
    return StoredFile(object=copy.name, size=original.size, stored_size=copy.size, md5=original.md5)


def copy_to_store(
    bucket: Bucket, *, project: str, transfer: Transfer, scratch: Path, progress: Progress
) -> tuple[MediaFile, ...]:
    """Copy the media to the store of the backups. Return them as the store holds them.

    Raise BackupError if the name of one cannot be that of a file: then it could not be restored everywhere.
    """
    originals = list(list_objects(bucket).values())
    require_file_names(original.name for original in originals)
    folder = media_folder(project)
    known = known_media(transfer.store.list(folder)) if originals else {}
    copies = BucketCopies(
        bucket=bucket, folder=folder, known=known, transfer=transfer, scratch=scratch, say=progress.say
    )
    found: list[MediaFile] = []
    with progress.step("Back up the media") as step, ThreadPoolExecutor(THREADS) as pool:
        step.expect(len(originals))
        for media in pool.map(copies.copy, originals):
            step.advance()
            if media:
                found.append(media)
    return tuple(found)


def require_file_names(names: Iterable[str]) -> None:
    """Raise BackupError if a name cannot be a file's, beside the others: such a backup could not be restored."""
    media = [MediaFile(path=name) for name in names]
    for each in media:
        if "//" in each.path or each.path.endswith("/") or "." in each.path.split("/"):
            raise BackupError(f"The object {shown(each.path)} has a name that no file can have: rename or remove it.")
    try:
        require_safe_paths(media)
    except UnusableBackupError as error:
        raise BackupError(f"The bucket of the media has names that files cannot have: {error}") from None
