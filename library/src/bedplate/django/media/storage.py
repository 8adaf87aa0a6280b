"""The storages of uploads: folders, or a bucket (MEDIA_URL). The default one is private."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, default_storage, storages
from django.core.management.base import CommandError


def public_storage() -> Storage:
    """Return the storage of files for all visitors: `storage=public_storage` of a FileField."""
    return storages["public"]


def in_bucket(storage: Storage) -> bool:
    """Return whether the storage is a bucket: nginx fetches its files by signed addresses."""
    return hasattr(storage, "signed_address")


def require_usable_bucket() -> None:
    """Raise CommandError if uploads are in a bucket and could not be stored or read there."""
    environment = settings.ENVIRONMENT
    try:
        found = in_bucket(default_storage)
    except ImproperlyConfigured as error:  # without the client of S3
        raise CommandError(str(error)) from error
    if environment.media_bucket and not environment.isolated and not found:
        raise CommandError(
            "MEDIA_URL names a bucket, but the default storage is none: STORAGES in web/config/settings.py must have "
            "**services.uploads(…), as in the base project."
        )
    if found:
        from bedplate.django.media.bucket_check import require_usable  # noqa: PLC0415 - a folder saves half a second

        require_usable(default_storage)
