"""Uploads in Amazon S3, or in another service with its protocol. Imported only if MEDIA_URL names a bucket there."""

from functools import cached_property
from hashlib import md5
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File

from bedplate import s3
from bedplate.django.media.bucket import CHUNK_SIZE, SIGNATURE_LIFE, BucketStorage

try:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]
except ImportError:
    raise ImproperlyConfigured(s3.NO_CLIENT) from None

ATTEMPTS: Final = 3


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
    def client(self) -> Any:
        """The client of this thread's connection, with the account of uploads."""
        return self.connection.meta.client

    def _create_session(self) -> Any:
        try:
            return s3.session(s3.read_key(self.key))
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from None

    def sign(self, full_name: str, *, method: str) -> str:
        """Return the signed address of an object, below the bucket's own."""
        address: str = self.client.generate_presigned_url(
            {"GET": "get_object", "HEAD": "head_object"}[method],
            Params={"Bucket": self.bucket_name, "Key": full_name},
            ExpiresIn=int(SIGNATURE_LIFE.total_seconds()),
        )
        return address.removeprefix(f"{self.endpoint_url}/{self.bucket_name}/")

    def create(self, full_name: str, content: File, content_type: str) -> bool:
        """Create an object in one piece, so that its ETag is its MD5. Return False if there is one of this name."""
        content.seek(0)
        return self._put(full_name, content, ContentType=content_type)

    def check_conditions(self, name: str, content: bytes) -> None:
        """Raise ImproperlyConfigured if the service would replace this object, or reports no MD5 for it."""
        full_name, where = self._normalize_name(name), f"s3://{self.bucket_name}"
        if self._put(full_name, b""):
            raise ImproperlyConfigured(
                f"{where} of MEDIA_URL replaces objects although it is told not to (If-None-Match): uploads of one "
                f"name would be lost. Use another service: {s3.HOW_TO}"
            )
        etag = self.client.head_object(Bucket=self.bucket_name, Key=full_name)["ETag"]
        if s3.md5_in(etag) != md5(content, usedforsecurity=False).hexdigest():
            raise ImproperlyConfigured(
                f"{where} of MEDIA_URL has no MD5 of its objects, by which backups know them: it encrypts with keys of "
                f"KMS. Let it encrypt with keys of S3 (SSE-S3): {s3.HOW_TO}"
            )

    def _put(self, full_name: str, content: Any, **options: str) -> bool:
        try:
            self.client.put_object(Bucket=self.bucket_name, Key=full_name, Body=content, IfNoneMatch="*", **options)
        except ClientError as error:
            if s3.kind_of(error) == "taken":
                return False
            raise
        return True

    def meaning_of(self, error: Exception) -> Literal["missing", "forbidden", "unknown key", ""]:
        """Return what an error of the client means; empty for all others."""
        kind = s3.kind_of(error)
        if kind in {"missing", "no bucket"}:
            return "missing"
        return kind if kind in {"forbidden", "unknown key"} else ""
