"""The storages of uploads: folders, or a bucket (MEDIA_URL). The default one is private."""

from django.core.files.storage import Storage, default_storage, storages


def public_storage() -> Storage:
    """Return the storage of files for all visitors: `storage=public_storage` of a FileField."""
    return storages["public"]


def in_bucket(storage: Storage) -> bool:
    """Return whether the storage is a bucket: nginx fetches its files by signed addresses."""
    return hasattr(storage, "signed_address")


def require_usable_bucket() -> None:
    """Raise CommandError if uploads are in a bucket and could not be stored or read there."""
    if in_bucket(default_storage):
        from bedplate.django.media.bucket_check import require_usable  # noqa: PLC0415 - a folder saves half a second

        require_usable(default_storage)
