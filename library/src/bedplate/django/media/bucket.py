"""Uploads in a bucket: what is the same for all services.

No visitor connects to the bucket. The application allows a request and signs the object's address; nginx fetches it.
"""

import os
import posixpath
from abc import abstractmethod
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal

from django.core.files.base import ContentFile, File
from django.utils.encoding import filepath_to_uri
from storages.utils import clean_name  # type: ignore[import-untyped]

from bedplate.django.media.content_types import type_of

# Time for nginx to begin a download: clocks may differ by some of it.
SIGNATURE_LIFE: Final = timedelta(minutes=5)
CHUNK_SIZE: Final = 2 << 20
"""Bytes: larger files are sent in chunks of this size, which are in memory."""
LONGEST_NAME: Final = 1024
"""In bytes, with the folder: https://cloud.google.com/storage/docs/objects#naming; S3's are the same."""
WRITER: Final = "written-by"
"""An object's metadata: unique to the call that made it, so that the call knows it again after a lost answer."""
HOW_TO: Final = "library/docs/how-to/uploads-in-a-bucket.md"


class BucketStorage:
    """A folder of a bucket, to be combined with a storage of django-storages.

    An object is never replaced: a name that is taken gets another end.
    """

    scheme: ClassVar[str]
    provider: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]]
    """The errors of the service's client."""
    base_url: str
    bucket_name: Any
    location: Any

    def url(self, name: str, *_parameters: Any) -> str:
        """Return the address on this site."""
        return f"{self.base_url}{filepath_to_uri(name)}"

    def signed_address(self, name: str, *, method: str) -> str:
        r"""Return the object's address below the bucket's own, percent-encoded, with a signature for nginx alone.

        Raise FileNotFoundError if no object can have this name. `name` is used as it is: the storages would take a
        backslash for a slash, and `1/..\2/x` for the file of another user.
        """
        full_name = f"{self.location}{name}"
        if any(character in name for character in "\\\r\n") or len(full_name.encode()) > LONGEST_NAME:
            raise FileNotFoundError(name)
        return self.sign(full_name, method=method)

    @abstractmethod
    def sign(self, full_name: str, *, method: str) -> str:
        """Return the signed address of an object, below the bucket's own."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The bucket's own address, below which nginx fetches."""

    @abstractmethod
    def create(self, full_name: str, content: File, *, size: int, content_type: str) -> bool:
        """Create an object, without an encoding. Return False if there is one of this name, made by another call.

        `content` is at its beginning, and has `size` bytes; its own attribute may be that of an earlier content.
        """

    @abstractmethod
    def meaning_of(self, error: Exception) -> Literal["missing", "forbidden", "unknown key", ""]:
        """Return what an error of the client means; empty for all others."""

    def check_conditions(self, name: str, content: bytes) -> None:
        """Raise ImproperlyConfigured if the service ignores a condition, or reports no MD5 of this object.

        It may leave another object in the same folder.
        """

    def _save(self, name: str, content: File) -> str:
        storage: Any = self
        saved_as: str = clean_name(name)
        if isinstance(content.read(0), str):  # a folder takes text, too
            content = ContentFile(content.read().encode())
        content.seek(0, os.SEEK_END)
        size = content.tell()
        content.seek(0)
        full_name = storage._normalize_name(saved_as)  # noqa: SLF001 - of this class
        if self.create(full_name, content, size=size, content_type=type_of(saved_as)):
            return saved_as
        another = storage.get_alternative_name(*posixpath.splitext(saved_as))  # another process was faster
        return self._save(storage.get_available_name(another), content)
