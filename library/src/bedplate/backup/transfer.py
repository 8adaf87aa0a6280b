"""Files on their way into a store and back, each proven by size and checksum."""

import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.backup.checksums import Checksums, checksums
from bedplate.backup.encryption import SUFFIX, Encryption
from bedplate.backup.errors import ChangedError, ForbiddenError, MissingError, UnusableBackupError
from bedplate.backup.manifest import StoredFile
from bedplate.backup.stores import Store, StoredObject

THREADS: Final = 4

type Naming = Callable[[Checksums], str]
"""Returns an object's name, given the checksums of what is sent."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A store, and the keys to write into it and read from it."""

    store: Store
    encryption: Encryption

    def upload(self, path: Path, name: str, *, scratch: Path) -> StoredFile:
        """Return the file, encrypted in `scratch` if there are recipients, as the store reports that it holds it.

        This is for the manifest, which is readable: for an encrypted file, the checksum is that of the object. Raise
        BackupError when the store holds something else.
        """
        plain = checksums(path)
        if not self.encryption.recipients:
            return self._upload_readable(path, name, plain)
        stored, sent = self._encrypt_and_send(path, lambda _sent: name, scratch=scratch, plain=plain)
        return StoredFile(object=stored.name, size=plain.size, stored_size=stored.size, stored_sha256=sent.sha256)

    def upload_as(self, path: Path, naming: Naming, *, scratch: Path, before: Checksums) -> StoredFile:
        """Do the same for the contents, which are encrypted themselves: the checksum is that of the file.

        The object's name is made of the checksums of what is sent. `before` are those of the file.
        """
        if not self.encryption.recipients:
            return self._upload_readable(path, naming(before), before)
        stored, _sent = self._encrypt_and_send(path, naming, scratch=scratch, plain=before)
        return StoredFile(object=stored.name, size=before.size, stored_size=stored.size, sha256=before.sha256)

    def upload_readable(self, path: Path, name: str) -> StoredFile:
        """Return the file, never encrypted, as the store reports that it holds it."""
        return self._upload_readable(path, name, checksums(path))

    def download(self, file: StoredFile, path: Path) -> None:
        """Write the file, as it was. Raise UnusableBackupError, naming the object, when it is missing or damaged."""
        try:
            self.store.download(file.object, path)
        except MissingError as error:
            raise UnusableBackupError(str(error)) from None
        size = path.stat().st_size
        if size != file.stored_size:
            raise UnusableBackupError(
                f"{self.store.url}/{file.object} is damaged: {size} bytes in place of {file.stored_size}."
            )
        self._require_checksum(file, path, file.stored_sha256)
        if file.object.endswith(SUFFIX):
            encrypted = path.rename(path.with_name(f".{secrets.token_hex(16)}"))  # no name that another file may have
            try:
                self.encryption.decrypt(encrypted, path, name=f"{self.store.url}/{file.object}")
            finally:
                encrypted.unlink()
        self._require_checksum(file, path, file.sha256)

    def _require_checksum(self, file: StoredFile, path: Path, sha256: str | None) -> None:
        if sha256 is not None and checksums(path).sha256 != sha256:
            raise UnusableBackupError(
                f"{self.store.url}/{file.object} is damaged: it has another checksum than it had."
            )

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
            with suppress(ForbiddenError):  # then pruning removes it: no backup needs it
                self.store.delete(name)  # nothing may be found under a name that promises something else
            raise ChangedError(f"{name} did not arrive as it was sent (or has changed meanwhile). Try again.")
        return stored


class Crew:
    """Threads that do things side by side; the first failure ends the work of all."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._futures: list[Future[object]] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def submit(self, work: Callable[[], object]) -> None:
        """Have the work done by the next thread that is free."""
        self._futures.append(self._pool.submit(work))

    def finish(self) -> None:
        """Return when all is done. Raise the first error."""
        done, waiting = wait(self._futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def side_by_side(work: Iterable[Callable[[], object]]) -> None:
    """Do all the work in a few threads. Raise the first error."""
    with Crew() as crew:
        for piece in work:
            crew.submit(piece)
        crew.finish()
