"""Uploads in Amazon S3, or in another service with its protocol. Imported only if MEDIA_URL names a bucket there."""

import secrets
from collections.abc import Callable
from functools import cached_property, partial
from hashlib import md5
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File

from bedplate import s3
from bedplate.django.media.bucket import CHUNK_SIZE, SIGNATURE_LIFE, WRITER, BucketStorage

try:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]
except ImportError:
    raise ImproperlyConfigured(s3.NO_CLIENT) from None

ATTEMPTS: Final = 3
OTHER: Final = f'"{"0" * 32}"'
"""An ETag that no object has."""


class S3BucketStorage(BucketStorage, S3Storage):  # type: ignore[misc] # without types
    """A folder of a bucket of S3."""

    scheme = "s3"
    provider = "S3"
    failures: ClassVar = (BotoCoreError, ClientError)

    def __init__(  # noqa: PLR0913 - options of one entry of STORAGES
        self, *, bucket_name: str, location: str, base_url: str, key: Path, endpoint: str, region: str
    ) -> None:
        super().__init__(
            bucket_name=bucket_name,
            location=location,
            file_overwrite=False,
            max_memory_size=CHUNK_SIZE,
            endpoint_url=endpoint,
            region_name=region,
            client_config=s3.configuration(attempts=ATTEMPTS),
        )
        self.base_url = base_url
        self.key = key

    @cached_property
    def connection(self) -> Any:
        """The client's objects, for all threads: the base class would load S3's models once for each."""
        try:
            return s3.connect(s3.read_key(self.key), self.endpoint_url, self.region_name, self.client_config)
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from None

    @property
    def client(self) -> Any:
        """The client, with the account of uploads."""
        return self.connection.meta.client

    @property
    def address(self) -> str:
        """The bucket's own address, below which nginx fetches."""
        return f"{self.endpoint_url}/{self.bucket_name}"

    def sign(self, full_name: str, *, method: str) -> str:
        """Return the signed address of an object, below the bucket's own."""
        address: str = self.client.generate_presigned_url(
            {"GET": "get_object", "HEAD": "head_object"}[method],
            Params=self._at(full_name),
            ExpiresIn=int(SIGNATURE_LIFE.total_seconds()),
        )
        return address.removeprefix(f"{self.address}/")

    def create(self, full_name: str, content: File, *, size: int, content_type: str) -> bool:
        """Create an object in one piece, so that its ETag is its MD5. Return False if another has this name."""
        token = secrets.token_hex()
        put = partial(self.client.put_object, **self._at(full_name), Body=content, ContentLength=size)
        if not self._is_refused(put, IfNoneMatch="*", ContentType=content_type, Metadata={WRITER: token}):
            return True
        # Perhaps by this call: the first answer was lost, and the client tried again.
        return bool(self._head(full_name)["Metadata"].get(WRITER) == token)

    def check_conditions(self, name: str, content: bytes) -> None:
        """Raise ImproperlyConfigured if the service ignores a condition, or reports no MD5 of this object."""
        where, full_name = f"s3://{self.bucket_name} of MEDIA_URL", self._normalize_name(name)
        here, copy = self._at(full_name), self._at(f"{full_name}-copy")
        if s3.md5_in(self._head(full_name)["ETag"]) != md5(content, usedforsecurity=False).hexdigest():
            raise ImproperlyConfigured(
                f"{where} has no MD5 of its objects, by which backups know them: it encrypts with keys of KMS. Let it "
                f"encrypt with keys of S3 (SSE-S3): {s3.HOW_TO}"
            )
        put = partial(self.client.put_object, **here, Body=b"")
        copy_here = partial(self.client.copy_object, **copy, CopySource=here)
        copy_here()
        refused: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
            "replaces objects": (put, {"IfNoneMatch": "*"}),
            "replaces objects that have changed": (put, {"IfMatch": OTHER}),
            "replaces objects with copies": (copy_here, {"IfNoneMatch": "*"}),
            "replaces objects that have changed with copies": (copy_here, {"IfMatch": OTHER}),
            "copies objects that have changed": (copy_here, {"CopySourceIfMatch": OTHER}),
            "deletes objects that have changed": (partial(self.client.delete_object, **copy), {"IfMatch": OTHER}),
        }
        for what, (call, condition) in refused.items():
            if not self._is_refused(call, **condition):
                raise ImproperlyConfigured(
                    f"{where} {what} although it is told not to ({next(iter(condition))}): uploads would be lost. Use "
                    f"another service: {s3.HOW_TO}"
                )
        self.client.delete_object(**copy)

    def meaning_of(self, error: Exception) -> Literal["missing", "forbidden", "unknown key", ""]:
        """Return what an error of the client means; empty for all others."""
        kind = s3.kind_of(error)
        if kind in {"missing", "no bucket"}:
            return "missing"
        return kind if kind in {"forbidden", "unknown key"} else ""

    def _at(self, full_name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": full_name}

    def _head(self, full_name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.head_object(**self._at(full_name))
        return found

    @staticmethod
    def _is_refused(call: Callable[..., Any], **options: Any) -> bool:
        """Return whether a condition of the call is not fulfilled."""
        try:
            call(**options)
        except ClientError as error:
            if s3.kind_of(error) == "taken":
                return True
            raise
        return False
