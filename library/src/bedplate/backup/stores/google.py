"""A bucket of Google Cloud Storage as a store: `gs://bucket`, or `gs://bucket/folder`."""

import base64
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.credentials import Credentials
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from bedplate.backup.checksums import crc32c_of
from bedplate.backup.errors import (
    AccessError,
    BackupError,
    ConflictError,
    ForbiddenError,
    MissingError,
    WrongUseError,
)
from bedplate.backup.stores import NEW, WRITER, StoredObject

# How long to wait for a response, and to retry while the store answers 429 or 5xx, or closes the connection.
RESPONSE_TIMEOUT_SECONDS: Final = 60
RETRY_SECONDS: Final = 180
# Larger files are sent in chunks of this size, which are in memory, one per thread; a lost one is sent again.
CHUNK_SIZE: Final = 2 << 20
# Otherwise the client also requests the bucket's metadata, which requires another role.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")

AUTHENTICATE_AGAIN: Final = "Authenticate this machine again: ./google_storage.sh -a"
ACCOUNTS: Final = (
    "The rights of each account: library/docs/how-to/bucket-accounts.md. The rights of this one: "
    "./google_storage.sh --check-bucket server, pruning or person"
)
# The object already exists; without the right to overwrite, Google may report that instead.
IN_THE_WAY: Final = (api.PreconditionFailed, api.Forbidden)


class GoogleStore:
    """The objects of a bucket. The official client checks the checksums of uploads, and of downloads in one piece."""

    def __init__(self, url: str, credentials: Credentials, *, retry_seconds: float = RETRY_SECONDS) -> None:
        parts = urlsplit(url)
        if not parts.netloc:
            raise WrongUseError(f"{url} has no bucket name: write gs://BUCKET.")
        self.url = url.rstrip("/")
        self.bucket_name = parts.netloc
        self._folder = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._client = storage.Client(project=None, credentials=credentials)
        self._bucket = self._client.bucket(parts.netloc)
        self._options: dict[str, Any] = {
            "timeout": RESPONSE_TIMEOUT_SECONDS,
            "retry": DEFAULT_RETRY.with_timeout(retry_seconds),
        }

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names start with the prefix."""
        with self._translated_errors(prefix, of_bucket=True):
            for blob in self._client.list_blobs(self._bucket, prefix=self._folder + prefix, **self._options):
                yield self._describe(blob)

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix, which ends with a slash."""
        only = {"delimiter": "/", "fields": "prefixes,nextPageToken"}
        with self._translated_errors(prefix, of_bucket=True):
            found = self._client.list_blobs(self._bucket, prefix=self._folder + prefix, **only, **self._options)
            for _page in found.pages:  # the names come with the pages
                pass
            return sorted(name.rstrip("/").rpartition("/")[2] for name in found.prefixes)

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its generation."""
        blob = self._blob(name)
        with self._translated_errors(name):
            data: bytes = blob.download_as_bytes(checksum="crc32c", **self._options)
        return data, str(blob.generation)

    def write(self, name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        """Write a small object, if it has the expected generation, and return it."""
        blob = self._blob(name)
        blob.metadata = {WRITER: secrets.token_hex()}
        condition: dict[str, Any] = {"if_generation_match": _number(generation), "checksum": "crc32c"}
        with self._translated_errors(name, of_bucket=True):
            try:
                blob.upload_from_string(data, "application/json", **condition, **self._options)
            except IN_THE_WAY:
                # Perhaps by this call: the first response was lost, and the client retried.
                if not self._wrote(blob):
                    raise
        return self._describe(blob)

    def upload(self, name: str, path: Path) -> StoredObject:
        """Upload a file, and return the object. One that already has these contents is not changed.

        So the client can retry after a lost response even without the right to overwrite.
        """
        with self._translated_errors(name, of_bucket=True):
            try:
                return self._upload(name, path, generation=0)
            except IN_THE_WAY:
                found = self._found(name)
                if found is None:
                    raise
            except DataCorruption:  # the client has removed it
                return self._upload(name, path, generation=0)
            if (found.size, found.crc32c) == (path.stat().st_size, crc32c_of(path)):
                return self._describe(found)
            return self._upload(name, path, generation=found.generation)

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file."""
        with self._translated_errors(name):
            self._blob(name).download_to_filename(path, checksum="crc32c", **self._options)

    def copy(self, source: "GoogleStore", original: StoredObject, name: str, *, replaces: str = NEW) -> StoredObject:
        """Let Google copy an object, perhaps of another bucket, and return the copy. No byte is read here.

        `original` is as `source` has listed it; `replaces` is the generation of an earlier object with this name. One
        that already has these contents is not changed. Raise MissingError if the original is gone, ConflictError if
        either has changed.
        """
        with source._translated_errors(original.name):  # noqa: SLF001 - of this class
            try:
                copied = self._copy(source, original, name, replaces)
            except IN_THE_WAY:
                found = self._found(name)
                if found is None:
                    raise
                copied = self._describe(found)
        if (copied.size, copied.crc32c, copied.md5) != (original.size, original.crc32c, original.md5):
            raise ConflictError(f"{self.url}/{name} differs from {source.url}/{original.name}.")
        return copied

    def copy_within(self, original: StoredObject, name: str, *, replaces: str = NEW) -> StoredObject:
        """Let Google copy an object of this bucket: see `copy`."""
        return self.copy(self, original, name, replaces=replaces)

    def _copy(self, source: "GoogleStore", original: StoredObject, name: str, replaces: str) -> StoredObject:
        blob, token = self._blob(name), None
        conditions: dict[str, Any] = {
            "if_generation_match": _number(replaces),
            "if_source_generation_match": _number(original.generation),
        }
        while True:
            from_blob = source._blob(original.name)  # noqa: SLF001 - of this class
            token, _done, _total = blob.rewrite(from_blob, token=token, **conditions, **self._options)
            if token is None:
                return self._describe(blob)

    def delete(self, name: str, *, generation: str | None = None) -> None:
        """Remove an object, if it exists and has the expected generation."""
        try:
            with self._translated_errors(name):
                self._blob(name).delete(if_generation_match=_number(generation), **self._options)
        except MissingError:
            return

    def granted(self, permissions: Sequence[str]) -> frozenset[str] | None:
        """Return which of these permissions the account has on the bucket; None if Google does not report them."""
        try:
            with self._translated_errors("", of_bucket=True):
                return frozenset(self._bucket.test_iam_permissions(list(permissions), **self._options))
        except ForbiddenError:
            return None

    def description(self) -> dict[str, Any] | None:
        """Return the bucket's settings, as in Google's API; None if the account may not read them."""
        try:
            with self._translated_errors("", of_bucket=True):
                self._bucket.reload(**self._options)
        except ForbiddenError:
            return None
        return dict(self._bucket._properties)  # noqa: SLF001 - soft delete and others have no property

    def _upload(self, name: str, path: Path, *, generation: int) -> StoredObject:
        blob = self._blob(name)
        blob.chunk_size = CHUNK_SIZE
        condition: dict[str, Any] = {"if_generation_match": generation, "checksum": "crc32c"}
        blob.upload_from_filename(path, "application/octet-stream", **condition, **self._options)
        return self._describe(blob)

    def _wrote(self, blob: storage.Blob) -> bool:
        writer = blob.metadata
        try:
            blob.reload(**self._options)
        except (api.NotFound, api.Forbidden):
            return False
        return bool(blob.metadata == writer)

    def _found(self, name: str) -> storage.Blob | None:
        blob = self._blob(name)
        try:
            blob.reload(**self._options)
        except (api.NotFound, api.Forbidden):
            return None
        return blob

    def _blob(self, name: str) -> storage.Blob:
        blob: storage.Blob = self._bucket.blob(self._folder + name)
        return blob

    def _describe(self, blob: storage.Blob) -> StoredObject:
        name = str(blob.name).removeprefix(self._folder)
        size = int(blob.size or 0)  # some servers omit a size of 0
        return StoredObject(
            name=name,
            size=size,
            crc32c=blob.crc32c,
            generation=str(blob.generation),
            created=blob.time_created,
            md5=base64.b64decode(blob.md5_hash).hex() if blob.md5_hash else None,
        )

    @contextmanager
    def _translated_errors(self, name: str, *, of_bucket: bool = False) -> Iterator[None]:
        """Translate errors into ours; with `of_bucket`, only the bucket itself can be missing."""
        try:
            yield
        except api.NotFound as error:
            if of_bucket or "bucket does not exist" in str(error).lower():
                raise BackupError(
                    f"The bucket {self.bucket_name} does not exist. Make it, or correct BACKUP_URL."
                ) from None
            raise MissingError(f"{self.url}/{name} is missing.") from None
        except DataCorruption:
            raise BackupError(f"{self.url}/{name} arrived damaged: its checksum differs. Try again.") from None
        except (api.GoogleAPIError, InvalidResponse, auth.GoogleAuthError, requests.RequestException, OSError) as error:
            raise _translate(error, f"{self.url}/{name}") from None


def _translate(error: Exception, where: str) -> BackupError:
    why = _cause(error)
    if isinstance(error, api.PreconditionFailed):
        return ConflictError(f"{where} has been changed by another writer.")
    if isinstance(error, api.Unauthorized) or (isinstance(error, auth.RefreshError) and not error.retryable):
        return AccessError(f"Google does not accept the credentials ({why}). {AUTHENTICATE_AGAIN}")
    if isinstance(error, api.Forbidden):
        return ForbiddenError(f"The account has no right to do this with {where} ({why}). {ACCOUNTS}")
    return BackupError(f"{where}: the store failed ({why}). Try again later.")


def _cause(error: Exception) -> str:
    """Return the message of the original error, in one line, without the client's additions."""
    error = getattr(error, "cause", None) or error  # the cause of a failure after all retries
    response = getattr(error, "response", None)
    try:
        words = f"{response.status_code}: {response.json()['error']['message']}"  # type: ignore[union-attr]
    except (AttributeError, ValueError, KeyError, TypeError):
        words = str(error.args[0] if isinstance(error, auth.GoogleAuthError) and error.args else error)
    return " ".join(words.split())[:300] or type(error).__name__


def _number(generation: str | None) -> int | None:
    return None if generation is None else int(generation)
