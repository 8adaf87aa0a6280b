"""The credentials of this machine for Google Cloud Storage: a file in Google's own format."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from google.auth import impersonated_credentials, jwt
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account

from bedplate.backup.errors import AccessError, BackupError

STORAGE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


def load_credentials(file: Path) -> Credentials:
    """Return the credentials that `./google_storage.sh -a` stored. Raise AccessError if none are usable."""
    if not file.exists() or not file.read_bytes().strip():  # on a server the file exists, empty at first
        if "STORAGE_EMULATOR_HOST" in os.environ:
            return AnonymousCredentials()
        raise AccessError("This machine has no credentials for Google Cloud Storage yet. Run ./google_storage.sh -a")
    try:
        return from_information(read_information(file))
    except AccessError as error:
        raise AccessError(f"{error} Run ./google_storage.sh -a again.") from None


def read_information(file: Path) -> dict[str, Any]:
    """Return the content of a file in Google's format. Raise AccessError if it has another format."""
    try:
        information = json.loads(file.read_bytes())
    except OSError as error:
        raise AccessError(f"The credentials in {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise AccessError(f"{file} is not a file of Google credentials: it is not JSON.") from None
    if not isinstance(information, dict) or not isinstance(information.get("type"), str):
        raise AccessError(f'{file} is not a file of Google credentials: it has no "type".')
    return information


def from_information(information: Mapping[str, Any]) -> Credentials:
    """Return the credentials for the content of a file. Raise AccessError if it is not usable."""
    kind = str(information.get("type"))
    if kind not in KINDS:
        raise AccessError(f"Credentials of type {kind} cannot be used here: give a service account's key.")
    try:
        return KINDS[kind](information)
    except (GoogleAuthError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise AccessError(f"The credentials of type {kind} cannot be used ({error}).") from None


def account_of(credentials: Credentials) -> str:
    """Return the account of the credentials, if known; a person's e-mail address comes with their first token."""
    if email := getattr(credentials, "service_account_email", None) or getattr(credentials, "account", None):
        return str(email)
    if token := getattr(credentials, "id_token", None):
        # It comes from the issuer over TLS: its signature need not be checked.
        return str(jwt.decode(token, verify=False).get("email", "a person"))
    return "a person whose address Google does not report"


def store_information(file: Path, information: Mapping[str, Any]) -> None:
    """Replace the credentials in the file atomically; only its owner may read it."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=file.parent)
        try:
            with open(descriptor, "w", encoding="utf-8") as target:  # noqa: PTH123 - mkstemp's mode is 0600 from the start
                json.dump(information, target, indent=1)
                target.flush()
                os.fsync(target.fileno())
            Path(unfinished).replace(file)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"The credentials cannot be stored in {file.parent}: {error.strerror}.") from None


def _service_account(information: Mapping[str, Any]) -> Credentials:
    made: Credentials = service_account.Credentials.from_service_account_info(information, scopes=[STORAGE])
    return made


def _impersonated(information: Mapping[str, Any]) -> Credentials:
    made: Credentials = impersonated_credentials.Credentials.from_impersonated_service_account_info(
        information, scopes=[STORAGE]
    )
    return made


def _person(information: Mapping[str, Any]) -> Credentials:
    # Not from_authorized_user_info(): it supports only Google's token URI. No scopes: the token has those of the
    # consent.
    return oauth2.Credentials(
        token=None,
        refresh_token=information["refresh_token"],
        client_id=information["client_id"],
        client_secret=information["client_secret"],
        token_uri=information.get("token_uri", TOKEN_URI),
        quota_project_id=information.get("quota_project_id"),
        account=information.get("account", ""),
    )


KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], Credentials]]] = {
    "service_account": _service_account,
    "authorized_user": _person,
    "impersonated_service_account": _impersonated,
}
