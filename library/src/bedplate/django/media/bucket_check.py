"""A check that the uploads can be stored: the account's rights in the bucket, tried on an object of its own."""

import secrets
from typing import Any, Final

import requests
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.management.base import CommandError

from bedplate.django.media.bucket import HOW_TO

LIMIT: Final = 30
TEXT: Final = b"written by the check of uploads, and not needed"


def require_usable(storage: Any) -> None:
    """Raise CommandError unless the account can create, read, list, sign and delete. `storage` is a BucketStorage.

    Its object is in no user's folder.
    """
    folder = f"check-uploads-{secrets.token_hex(8)}"
    step = ""
    try:
        step = "sign addresses"
        storage.signed_address(f"{folder}/file", method="GET")
        step = "list objects"  # first: unlike the others, its answer says whether S3 knows the key
        storage.listdir(folder)
        step = "create objects"
        name = storage.save(f"{folder}/file", ContentFile(TEXT))
        step = "read objects"
        with storage.open(name) as file:
            file.read()
        _fetch_as_nginx(storage, name)
        step = "keep conditions"
        storage.check_conditions(name, TEXT)
        step = "delete objects"
        storage.delete(name)
    except (ImproperlyConfigured, *storage.failures, OSError) as error:
        raise CommandError(_explain(storage, step, error)) from error


def _fetch_as_nginx(storage: Any, name: str) -> None:
    """Raise ImproperlyConfigured unless the service sends an object for a signed address, which no message shows."""
    signed = f"{storage.address}/{storage.signed_address(name, method='GET')}"
    try:
        answer = requests.get(signed, timeout=LIMIT, allow_redirects=False)
        found = str(answer.status_code)
    except requests.RequestException as error:
        found = type(error).__name__
    else:
        if answer.content == TEXT:
            return
    hint = " S3_REGION and S3_ENDPOINT belong together." if storage.scheme == "s3" else ""
    raise ImproperlyConfigured(
        f"{storage.scheme}://{storage.bucket_name} of MEDIA_URL answers {found} to a signed address, so no visitor "
        f"would get an upload.{hint} The clock of this machine counts, too: {HOW_TO}"
    )


def _explain(storage: Any, step: str, error: Exception) -> str:
    where, why = f"{storage.scheme}://{storage.bucket_name}", " ".join(str(error).split())[:300]
    if isinstance(error, ImproperlyConfigured):
        return " ".join(str(error).split())
    match storage.meaning_of(error):
        case "missing":
            return f"The bucket {where} of MEDIA_URL does not exist: make it, or correct MEDIA_URL. How: {HOW_TO}"
        case "forbidden":
            return f"The account of media_credentials may not {step} in {where} ({why}). Its rights: {HOW_TO}"
        case "unknown key":
            return f"{storage.provider} does not accept media_credentials ({why}). Set another key: {HOW_TO}"
    return f"{where}, for uploads, failed when asked to {step} ({why}). Try again later."
