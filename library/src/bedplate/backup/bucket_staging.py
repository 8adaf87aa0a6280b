"""The media of a backup that are copied for a restore into a bucket, each checked against the backup's contents."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bedplate.backup.bucket_copies import THREADS
from bedplate.backup.encryption import SUFFIX
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import StoredFile
from bedplate.backup.progress import Step
from bedplate.backup.stores import Bucket, StoredObject
from bedplate.backup.stores.google import GoogleStore
from bedplate.backup.transfer import Transfer, run_parallel


def have_same_content(one: StoredObject, other: StoredObject) -> bool:
    """Return whether the service reports the same size and checksums. Without an MD5 nothing is known."""
    return one.md5 is not None and (one.size, one.crc32c, one.md5) == (other.size, other.crc32c, other.md5)


def checked_by_google(transfer: Transfer, files: Iterable[StoredFile]) -> dict[str, StoredObject]:
    """Return the objects of those files whose checksum Google reports, by name: they need not be read.

    Raise UnusableBackupError if one is missing, or differs from the backup's contents.
    """
    wanted = {file.object: file for file in files if file.md5 is not None and not file.object.endswith(SUFFIX)}
    store = transfer.store
    if not wanted or not isinstance(store, GoogleStore):
        return {}
    folders = {f"{name.rpartition('/')[0]}/" for name in wanted}
    listed = {each.name: each for folder in folders for each in store.list(folder) if each.name in wanted}
    for name, file in wanted.items():
        if name not in listed:
            raise UnusableBackupError(f"{store.url}/{name} is missing.")
        if (listed[name].size, listed[name].md5) != (file.size, file.md5):
            raise UnusableBackupError(f"{store.url}/{name} is damaged: its checksum has changed.")
    return listed


@dataclass(frozen=True, kw_only=True)
class StagedMedia:
    """The files that have to be copied, by path."""

    files: Mapping[str, StoredFile]
    copies: Mapping[str, StoredObject]
    """The objects that Google copies by itself."""
    transfer: Transfer

    @classmethod
    def of(
        cls, files: Mapping[str, StoredFile], *, live: Mapping[str, StoredObject], transfer: Transfer
    ) -> "StagedMedia":
        """Return those files that are not live already.

        Raise UnusableBackupError if one of the backup is missing or damaged.
        """
        copies = checked_by_google(transfer, files.values())
        missing = {path: file for path, file in files.items() if not _is_live(live.get(path), file)}
        return cls(files=missing, copies=copies, transfer=transfer)

    def copy_to(self, bucket: Bucket, folder: str, *, scratch: Path, step: Step) -> None:
        """Copy them below a folder of the bucket, a few at a time."""
        step.expect(len(self.files))

        def copy(path: str, file: StoredFile) -> None:
            self._copy(file, bucket, f"{folder}{path}", scratch)
            step.advance()

        work: Iterable[Callable[[], None]] = (partial(copy, *each) for each in self.files.items())
        run_parallel(work, threads=THREADS)

    def _copy(self, file: StoredFile, bucket: Bucket, name: str, scratch: Path) -> None:
        store, original = self.transfer.store, self.copies.get(file.object)
        if original and isinstance(store, GoogleStore) and isinstance(bucket, GoogleStore):
            bucket.copy(store, original, name)
            return
        path = scratch / f"media-{secrets.token_hex(8)}"
        try:
            self.transfer.download(file, path)
            bucket.upload(name, path)
        finally:
            path.unlink(missing_ok=True)


def _is_live(live: StoredObject | None, file: StoredFile) -> bool:
    return live is not None and file.md5 is not None and (live.size, live.md5) == (file.size, file.md5)
