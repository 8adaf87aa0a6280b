"""A bucket of uploads in Amazon S3, or in another service with its protocol: `s3://bucket`, or `s3://bucket/folder`."""

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from bedplate import s3
from bedplate.backup.checksums import PIECE, md5_of
from bedplate.backup.errors import (
    AccessError,
    BackupError,
    ConflictError,
    ForbiddenError,
    MissingError,
    WrongUseError,
)
from bedplate.backup.stores import NEW, WRITER, StoredObject
from bedplate.environment import Environment

try:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError  # type: ignore[import-untyped]
except ImportError:
    raise WrongUseError(s3.NO_CLIENT) from None

BODY_ATTEMPTS: Final = 5
LONGEST_WAIT: Final = 20
"""Seconds between two attempts of the client, at most."""


def open_bucket(variables: Environment) -> "S3Store":
    """Return the bucket of MEDIA_URL. Raise AccessError without a usable key."""
    attempts = 2 + int(variables.backup_retry_seconds / LONGEST_WAIT)
    try:
        key = s3.read_key(variables.media_credentials)
        configuration = s3.configuration(attempts=attempts)
        connection = s3.connect(key, variables.s3_address, variables.s3_region, configuration)
    except ValueError as error:
        raise AccessError(str(error)) from None
    return S3Store(variables.media_url, connection.meta.client)


class S3Store:
    """The objects of a bucket. An object's ETag is its MD5: it was sent in one piece.

    Its generation is the ETag, in lists followed by the time: someone may have uploaded the same content again. The
    service has to keep conditions (If-Match, If-None-Match): `check_uploads` has tried that.
    """

    def __init__(self, url: str, client: Any) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self.bucket_name = parts.netloc
        self._folder = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._client = client

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose names start with the prefix."""
        for page in self._pages(prefix):
            for each in page.get("Contents", ()):
                yield self._describe(
                    each["Key"].removeprefix(self._folder), each["Size"], each["ETag"], each["LastModified"]
                )

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below a prefix, which ends with a slash."""
        found = [
            each["Prefix"] for page in self._pages(prefix, Delimiter="/") for each in page.get("CommonPrefixes", ())
        ]
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its generation."""
        content = BytesIO()
        etag = self._fetch(name, content)
        return content.getvalue(), _generation(etag)

    def write(self, name: str, data: bytes, *, generation: str | None = None) -> StoredObject:
        """Write a small object, if it has the expected generation, and return it."""
        token = secrets.token_hex()
        options = {
            "Body": data,
            "ContentType": "application/json",
            "Metadata": {WRITER: token},
            **_condition(generation),
        }
        with self._translated_errors(name):
            try:
                etag = self._client.put_object(**self._at(name), **options)["ETag"]
            except ClientError as error:
                # Perhaps by this call: the first answer was lost, and the client tried again.
                found = self._head(name) if s3.kind_of(error) == "taken" else None
                if found is None or found["Metadata"].get(WRITER) != token:
                    raise self._gone_is_changed(name, error, generation) from None
                etag = found["ETag"]
        return self._describe(name, len(data), etag)

    def upload(self, name: str, path: Path) -> StoredObject:
        """Upload a file, and return the object. One that already has these contents is not changed."""
        size, md5 = path.stat().st_size, md5_of(path)
        self._require_one_piece(name, size)
        options = {"ContentMD5": base64.b64encode(bytes.fromhex(md5)).decode()}
        with self._translated_errors(name):
            try:
                etag = self._put(name, path, IfNoneMatch="*", **options)
            except ClientError as error:
                found = self._head(name) if s3.kind_of(error) == "taken" else None
                if found is None:
                    raise
                etag = found["ETag"]
                if s3.md5_in(etag) != md5:
                    etag = self._put(name, path, IfMatch=etag, **options)
        return self._describe(name, size, etag)

    def download(self, name: str, path: Path) -> None:
        """Write an object into a file."""
        with path.open("wb") as file:
            etag = self._fetch(name, file)
        if s3.md5_in(etag) not in {None, md5_of(path)}:
            raise BackupError(f"{self.url}/{name} arrived damaged: its checksum differs. Try again.")

    def _fetch(self, name: str, file: BinaryIO) -> str:
        """Write an object into a file, again if the connection is cut: the client does not. Return the ETag."""
        for last in (*[False] * (BODY_ATTEMPTS - 1), True):
            with self._translated_errors(name):
                answer = self._client.get_object(**self._at(name))
                try:
                    for piece in answer["Body"].iter_chunks(PIECE):
                        file.write(piece)
                except (HTTPClientError, IncompleteReadError):
                    if last:
                        raise
                    file.seek(0)
                    file.truncate()
                else:
                    break
        return str(answer["ETag"])

    def copy_within(self, original: StoredObject, name: str, *, replaces: str = NEW) -> StoredObject:
        """Let the service copy an object, as it was listed, and return the copy. No byte is read here."""
        self._require_one_piece(original.name, original.size)
        source = {"Bucket": self.bucket_name, "Key": self._folder + original.name}
        conditions = {"CopySourceIfMatch": _etag(original.generation), **_condition(replaces)}
        with self._translated_errors(original.name):
            try:
                answer = self._client.copy_object(**self._at(name), CopySource=source, **conditions)
            except ClientError as error:
                return self._existing_copy(original, name, error)
        etag = answer["CopyObjectResult"]["ETag"]
        if original.md5 not in {None, s3.md5_in(etag)}:
            raise ConflictError(f"{self.url}/{name} differs from {self.url}/{original.name}.")
        return self._describe(name, original.size, etag)

    def _existing_copy(self, original: StoredObject, name: str, error: ClientError) -> StoredObject:
        """Return the object that is there already, if it has the original's contents. Otherwise raise the error."""
        found = self._head(name) if s3.kind_of(error) == "taken" else None
        if found is None:
            if s3.kind_of(error) == "missing" and self._head(original.name):  # the one that was to be replaced
                raise ConflictError(f"{self.url}/{name} has been changed by another writer.")
            raise error
        same = found["ContentLength"] == original.size and found["ETag"] == _etag(original.generation)
        if not same:
            raise ConflictError(f"{self.url}/{name} differs from {self.url}/{original.name}.")
        return self._describe(name, original.size, found["ETag"])

    def delete(self, name: str, *, generation: str | None = None) -> None:
        """Remove an object, if it exists and has the expected generation."""
        try:
            with self._translated_errors(name):
                if generation and (found := self._head(name)) and _is_later(found, generation):
                    raise ConflictError(f"{self.url}/{name} has been changed by another writer.")
                self._client.delete_object(**self._at(name), **_condition(generation))
        except MissingError:
            return

    def _gone_is_changed(self, name: str, error: Exception, generation: str | None) -> Exception:
        """Return the error of a write that expected a generation: Amazon calls an object that is gone missing."""
        if generation in {None, NEW} or s3.kind_of(error) != "missing":
            return error
        return ConflictError(f"{self.url}/{name} has been changed by another writer.")

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        with self._translated_errors(prefix):
            pages = self._client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self.bucket_name, Prefix=self._folder + prefix, **options)

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._folder + name}

    def _head(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._client.head_object(**self._at(name))
        except ClientError as error:
            if s3.kind_of(error) in {"missing", "forbidden"}:
                return None
            raise
        return found

    def _put(self, name: str, path: Path, **options: str) -> str:
        with path.open("rb") as file:
            etag: str = self._client.put_object(**self._at(name), Body=file, **options)["ETag"]
        return etag

    def _require_one_piece(self, name: str, size: int) -> None:
        if size > s3.LARGEST_OBJECT:
            raise BackupError(f"{self.url}/{name} has more than 5 GiB: S3 does not copy it in one piece. Split it.")

    def _describe(self, name: str, size: int, etag: str, created: Any = None) -> StoredObject:
        return StoredObject(
            name=name,
            size=size,
            crc32c=None,
            generation=_generation(etag, created),
            created=created,
            md5=s3.md5_in(etag),
        )

    @contextmanager
    def _translated_errors(self, name: str) -> Iterator[None]:
        where = f"{self.url}/{name}"
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            raise _translate(error, where, self.bucket_name) from None


def _translate(error: Exception, where: str, bucket: str) -> BackupError:
    why = " ".join(str(error).split())[:300] or type(error).__name__
    match s3.kind_of(error):
        case "missing":
            return MissingError(f"{where} is missing.")
        case "no bucket":
            return BackupError(f"The bucket {bucket} does not exist. Make it, or correct MEDIA_URL.")
        case "taken":
            return ConflictError(f"{where} has been changed by another writer.")
        case "forbidden":
            rights = f"Its rights: {s3.HOW_TO}"
            return ForbiddenError(f"The account of media_credentials may not do this with {where} ({why}). {rights}")
        case "unknown key":
            return AccessError(f"The service of {where} does not accept media_credentials ({why}). See {s3.HOW_TO}")
    return BackupError(f"{where}: the store failed ({why}). Try again later.")


def _generation(etag: str, created: datetime | None = None) -> str:
    bare = etag.strip('"')
    return f"{bare} {int(created.timestamp())}" if created else bare


def _etag(generation: str) -> str:
    return f'"{generation.partition(" ")[0]}"'


def _is_later(found: Mapping[str, Any], generation: str) -> bool:
    """Return whether an object was written after it was listed with this generation."""
    listed = generation.partition(" ")[2]
    return bool(listed) and found["LastModified"].timestamp() > int(listed) + 1


def _condition(generation: str | None) -> dict[str, str]:
    if generation is None:
        return {}
    return {"IfNoneMatch": "*"} if generation == NEW else {"IfMatch": _etag(generation)}
