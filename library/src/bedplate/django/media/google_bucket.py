"""Uploads in Google Cloud Storage. Imported only if MEDIA_URL names a bucket there, as Google's packages are slow."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final, Literal
from urllib.parse import quote

import requests
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, Unauthorized
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client  # type: ignore[import-untyped]
from google.oauth2.service_account import Credentials as ServiceAccount
from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]

from bedplate.django.media.bucket import CHUNK_SIZE, HOW_TO, SIGNATURE_LIFE, WRITER, BucketStorage

# Otherwise the client also requests the bucket's metadata, which requires another role.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"


class GoogleBucketStorage(BucketStorage, GoogleCloudStorage):  # type: ignore[misc] # without types
    """A folder of a bucket of Google Cloud Storage."""

    scheme = "gs"
    provider = "Google"
    failures: ClassVar = (GoogleAPIError, GoogleAuthError, requests.RequestException)

    def __init__(self, *, bucket_name: str, location: str, base_url: str, key: Path) -> None:
        super().__init__(
            bucket_name=bucket_name,
            location=location,
            file_overwrite=False,
            max_memory_size=CHUNK_SIZE,
            blob_chunk_size=CHUNK_SIZE,
        )
        self.base_url = base_url
        self.key = key

    @cached_property
    def client(self) -> Client:
        """The client, with the account of uploads."""
        return Client(project=None, credentials=read_key(self.key))

    def sign(self, full_name: str, *, method: str) -> str:
        """Return the signed address of an object, below the bucket's own."""
        if isinstance(self.client._credentials, AnonymousCredentials):  # noqa: SLF001 - an emulator checks no signature
            return quote(full_name, safe="/~")
        blob = self.bucket.blob(full_name)
        address: str = blob.generate_signed_url(version="v4", expiration=SIGNATURE_LIFE, method=method)
        return address.removeprefix(f"{self.address}/")

    @property
    def address(self) -> str:
        """The bucket's own address, below which nginx fetches."""
        return f"{self.client.api_endpoint}/{self.bucket_name}"

    def create(self, full_name: str, content: File, *, size: int, content_type: str) -> bool:
        """Create an object, without an encoding: Google would decompress such a file. False: the name is taken."""
        blob = self.bucket.blob(full_name, chunk_size=CHUNK_SIZE)
        blob.metadata = {WRITER: secrets.token_hex()}
        written_by = dict(blob.metadata)
        try:
            blob.upload_from_file(content, size=size, content_type=content_type, if_generation_match=0)
        except PreconditionFailed:  # perhaps by this call: the first answer was lost, and the client tried again
            found = self.bucket.get_blob(full_name)
            return found is not None and found.metadata == written_by
        return True

    def meaning_of(self, error: Exception) -> Literal["missing", "forbidden", "unknown key", ""]:
        """Return what an error of the client means; empty for all others."""
        if isinstance(error, NotFound):
            return "missing"
        if isinstance(error, Forbidden):
            return "forbidden"
        if isinstance(error, Unauthorized) or (isinstance(error, GoogleAuthError) and not error.retryable):
            return "unknown key"
        return ""


def read_key(file: Path) -> Credentials:
    """Return the credentials of the account. Raise ImproperlyConfigured if the file has no usable key."""
    if not file.is_file() or not file.read_bytes().strip():  # on a server the file exists, empty at first
        if "STORAGE_EMULATOR_HOST" in os.environ:
            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        raise ImproperlyConfigured(
            "MEDIA_URL names a bucket, and there is no key of its account. Set it: ./bedplate rotate-secret "
            f"media_credentials --from key.json ({HOW_TO})"
        )
    try:
        key: Credentials = ServiceAccount.from_service_account_file(  # type: ignore[no-untyped-call]
            str(file), scopes=[SCOPE]
        )
    except (ValueError, KeyError, GoogleAuthError) as error:
        raise ImproperlyConfigured(
            f"{file.name} is not a service account's key ({error}). Only such a key can sign: see {HOW_TO}"
        ) from None
    return key
