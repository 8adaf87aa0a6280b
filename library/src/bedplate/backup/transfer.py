"""Uploads and downloads, each verified by size and checksum."""

import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.checksums import Checksums, checksums, md5_of
from bedplate.backup.encryption import SUFFIX, Encryption
from bedplate.backup.errors import ChangedError, ForbiddenError, MissingError, UnusableBackupError
from bedplate.backup.manifest import StoredFile
from bedplate.backup.stores import Store, StoredObject

THREADS: Final = 4

type Naming = Callable[[Checksums], str]
"""Returns an object's name, given the checksums of what is sent."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A store, and the keys to encrypt and decrypt its objects."""

    store: Store
    encryption: Encryption

    def upload(self, path: Path, name: str, *, scratch: Path) -> StoredFile:
        """Upload a file, encrypted in `scratch` if there are recipients. Return it as the store reports it.

        The result is for the manifest, which is readable: the checksum of an encrypted file is that of the object.
        Raise BackupError if the store reports something else.
        """
        plain = checksums(path)
        if not self.encryption.recipients:
            return self._upload_readable(path, name, plain)
        stored, sent = self._encrypt_and_send(path, lambda _sent: name, scratch=scratch, plain=plain)
        return StoredFile(object=stored.name, size=plain.size, stored_size=stored.size, stored_sha256=sent.sha256)

    def upload_as(self, path: Path, naming: Naming, *, scratch: Path, before: Checksums) -> StoredFile:
        """Do the same for the contents, which are encrypted themselves: the checksum is that of the plain file.

        `naming` returns the object's name from the checksums of the data that is sent. `before` are those of the file.
        """
        if not self.encryption.recipients:
            return self._upload_readable(path, naming(before), before)
        stored, _sent = self._encrypt_and_send(path, naming, scratch=scratch, plain=before)
        return StoredFile(object=stored.name, size=before.size, stored_size=stored.size, sha256=before.sha256)

    def upload_readable(self, path: Path, name: str) -> StoredFile:
        """Upload a file without encryption. Return it as the store reports it."""
        return self._upload_readable(path, name, checksums(path))

    def download(self, file: StoredFile, path: Path) -> None:
        """Download and decrypt the file. Raise UnusableBackupError, naming the object, if it is missing or damaged."""
        try:
            self.store.download(file.object, path)
        except MissingError as error:
            raise UnusableBackupError(str(error)) from None
        size = path.stat().st_size
        if size != file.stored_size:
            raise UnusableBackupError(
                f"{self.store.url}/{file.object} is damaged: {size} bytes instead of {file.stored_size}."
            )
        self._require_checksum(file, path, file.stored_sha256)
        if file.object.endswith(SUFFIX):
            encrypted = path.rename(path.with_name(f".{secrets.token_hex(16)}"))  # a name that no other file has
            try:
                self.encryption.decrypt(encrypted, path, name=f"{self.store.url}/{file.object}")
            finally:
                encrypted.unlink()
        self._require_checksum(file, path, file.sha256)
        if file.md5 is not None and md5_of(path) != file.md5:
            raise UnusableBackupError(f"{self.store.url}/{file.object} is damaged: its checksum has changed.")

    def _require_checksum(self, file: StoredFile, path: Path, sha256: str | None) -> None:
        if sha256 is not None and checksums(path).sha256 != sha256:
            raise UnusableBackupError(f"{self.store.url}/{file.object} is damaged: its checksum has changed.")

    def _upload_readable(self, path: Path, name: str, plain: Checksums) -> StoredFile:
        stored = self._send(path, name, plain)
        return StoredFile(object=stored.name, size=plain.size, stored_size=stored.size, sha256=plain.sha256)

    def _encrypt_and_send(
        self, path: Path, naming: Naming, *, scratch: Path, plain: Checksums
    ) -> tuple[StoredObject, Checksums]:
        encrypted = scratch / f"encrypted-{threading.get_ident()}"
        try:
            if self.encryption.encrypt(path, encrypted) != plain.sha256:
                raise ChangedError(f"{path} has changed meanwhile. Try again.")
            sent = checksums(encrypted)
            return self._send(encrypted, f"{naming(sent)}{SUFFIX}", sent), sent
        finally:
            encrypted.unlink(missing_ok=True)

    def _send(self, path: Path, name: str, sent: Checksums) -> StoredObject:
        stored = self.store.upload(name, path)
        if (stored.size, stored.crc32c) != (sent.size, sent.crc32c):
            with suppress(ForbiddenError):  # pruning removes it then, as no backup needs it
                self.store.delete(name)  # an object must match the checksum in its name
            raise ChangedError(f"{name} did not arrive unchanged (or the file has changed meanwhile). Try again.")
        return stored


class WorkerPool:
    """A pool of threads; the first failure cancels the remaining work."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._futures: list[Future[object]] = []

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def submit(self, work: Callable[[], object]) -> None:
        """Queue work for the next free thread."""
        self._futures.append(self._pool.submit(work))

    def finish(self) -> None:
        """Wait for all work. Raise the first error."""
        done, waiting = wait(self._futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def run_parallel(work: Iterable[Callable[[], object]], *, threads: int = THREADS) -> None:
    """Run all the work in a few threads. Raise the first error."""
    with WorkerPool(threads) as crew:
        for piece in work:
            crew.submit(piece)
        crew.finish()
