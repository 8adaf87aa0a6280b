"""Uploads in a bucket of Google Cloud Storage. Imported only if MEDIA_URL names one, as Google's packages are slow.

No visitor connects to the bucket. The application allows a request and signs the object's address; nginx fetches it.
"""

import os
import posixpath
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.utils.encoding import filepath_to_uri
from google.api_core.exceptions import PreconditionFailed
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Client  # type: ignore[import-untyped]
from google.oauth2.service_account import Credentials as ServiceAccount
from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]
from storages.utils import clean_name  # type: ignore[import-untyped]

from bedplate.django.media.content_types import type_of

# Otherwise the client also requests the bucket's metadata, which requires another role.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
# Time for nginx to begin a download: clocks may differ by some of it.
SIGNATURE_LIFE: Final = timedelta(minutes=5)
CHUNK_SIZE: Final = 2 << 20
"""Bytes: larger files are sent in chunks of this size, which are in memory."""
LONGEST_NAME: Final = 1024
"""In bytes, with the folder: https://cloud.google.com/storage/docs/objects#naming"""
HOW_TO: Final = "library/docs/how-to/uploads-in-a-bucket.md"


class BucketStorage(GoogleCloudStorage):  # type: ignore[misc] # without types
    """A folder of a bucket. An object is never replaced: a name that is taken gets another end."""

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

    def url(self, name: str, parameters: Any = None) -> str:  # noqa: ARG002 - the base class's signature
        """Return the address on this site."""
        return f"{self.base_url}{filepath_to_uri(name)}"

    def signed_address(self, name: str, *, method: str) -> str:
        r"""Return the object's address below the bucket's own, percent-encoded, with a signature for nginx alone.

        Raise FileNotFoundError if no object can have this name. `name` is used as it is: the base class would take a
        backslash for a slash, and `1/..\2/x` for the file of another user.
        """
        full_name = f"{self.location}{name}"
        if any(character in name for character in "\\\r\n") or len(full_name.encode()) > LONGEST_NAME:
            raise FileNotFoundError(name)
        if isinstance(self.client._credentials, AnonymousCredentials):  # noqa: SLF001 - an emulator checks no signature
            return quote(full_name, safe="/~")
        blob = self.bucket.blob(full_name)
        address: str = blob.generate_signed_url(version="v4", expiration=SIGNATURE_LIFE, method=method)
        return address.removeprefix(f"{self.client.api_endpoint}/{self.bucket_name}/")

    def _save(self, name: str, content: File) -> str:
        saved_as: str = clean_name(name)
        if isinstance(content.read(0), str):  # a folder takes text, too
            content = ContentFile(content.read().encode())
        blob = self.bucket.blob(self._normalize_name(saved_as), chunk_size=CHUNK_SIZE)
        options = {
            "size": getattr(content, "size", None),
            "content_type": type_of(saved_as),  # without an encoding: Google would decompress such a file
            "if_generation_match": 0,
        }
        try:
            blob.upload_from_file(content, rewind=True, **options)
        except PreconditionFailed:  # another process was faster
            another = self.get_alternative_name(*posixpath.splitext(saved_as))
            return self._save(self.get_available_name(another), content)
        return saved_as


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
