"""`./google_storage.sh -a`: give this machine credentials for the bucket, once they are proven."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from bedplate.backup.answers import Ways, wait_for_code
from bedplate.backup.configuration import Configuration
from bedplate.backup.consent import AGAIN, GUIDE, Consent, OAuthClient
from bedplate.backup.credentials import account_of, from_information, read_information, store_information
from bedplate.backup.errors import AccessError, BackupError, WrongUseError
from bedplate.backup.names import LAYOUT
from bedplate.backup.stores.google import AUTHENTICATE_AGAIN, GoogleStore

TIME_LIMIT: Final = 600
# Somebody waits: they hear of a store that does not answer sooner than the night does.
PATIENCE: Final = 30
NEW_KEY: Final = f"Is the key still one of the account's? {GUIDE} shows how to make one."
RENEW: Final = "To renew them: gcloud auth application-default login"

type Proven = tuple[Mapping[str, Any], str]
"""Credentials in Google's format, and the account that they stand for."""


def standard_input() -> int | None:
    """Return the descriptor of standard input; None if it is closed."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        return None


@dataclass(frozen=True, kw_only=True)
class Person:
    """How the person is asked who runs the command."""

    say: Callable[[str], object] = typer.echo
    typed: int | None = field(default_factory=standard_input)
    """The descriptor that they paste into."""
    time_limit: float = TIME_LIMIT


def authenticate(
    configuration: Configuration,
    *,
    key_file: Path | None,
    port: int,
    application_default: Path | None = None,
    person: Person | None = None,
) -> None:
    """Store the credentials that the bucket can be listed with: the key file's, gcloud's, or those a person agrees to.

    What does not get in is not stored, and what was stored before stays.
    """
    url = _bucket(configuration)
    person = person or Person()
    gcloud = application_default or application_default_file(os.environ)
    proven = (
        _prove(url, _key(key_file), advice=NEW_KEY)
        if key_file
        else _try_gcloud(configuration, gcloud, person) or _ask(configuration, port, person)
    )
    information, account = proven
    store_information(configuration.variables.google_credentials, information)
    person.say(f"{account} has access to {url}. The credentials are stored for this machine, outside the repository.")


def application_default_file(environment: Mapping[str, str]) -> Path:
    """Return where gcloud keeps the application-default credentials."""
    folder = environment.get("CLOUDSDK_CONFIG") or Path.home() / ".config/gcloud"
    return Path(folder, "application_default_credentials.json")


def _bucket(configuration: Configuration) -> str:
    url = configuration.url
    if url.startswith("gs://"):
        return url
    raise WrongUseError(
        f"Backups go to {url}, which needs no credentials. For a bucket, set BACKUP_URL=gs://BUCKET in .env."
    )


def _key(file: Path) -> Mapping[str, Any]:
    try:
        information = read_information(file)
        from_information(information)
    except BackupError as error:
        raise WrongUseError(str(error)) from None
    if information["type"] != "service_account":
        raise WrongUseError(f"{file} holds credentials of type {information['type']}, not a service account's key.")
    return information


def _try_gcloud(configuration: Configuration, file: Path, person: Person) -> Proven | None:
    """Return gcloud's credentials; None if there are none, or they do not get in and the person can be asked."""
    if not os.access(file, os.R_OK):
        return None
    person.say("Trying gcloud's application-default credentials.")
    try:
        return _prove(configuration.url, read_information(file), advice=RENEW)
    except AccessError as error:
        if not configuration.variables.google_oauth_client_id:
            raise
        person.say(f"{error}\nIn their place:")
        return None


def _ask(configuration: Configuration, port: int, person: Person) -> Proven:
    variables = configuration.variables
    client = OAuthClient(
        id=variables.google_oauth_client_id,
        secret=variables.google_oauth_client_secret.get_secret_value(),
        auth_uri=variables.google_oauth_auth_uri,
        token_uri=variables.google_oauth_token_uri,
    )
    consent = Consent(client, redirect=f"http://127.0.0.1:{port}/")
    # In a container all addresses: Docker publishes this one port on the machine's 127.0.0.1, and no other.
    host = "127.0.0.1" if variables.embedded else "0.0.0.0"  # noqa: S104 - see above
    ways = Ways(host=host, port=port, typed=person.typed, time_limit=person.time_limit)
    code = wait_for_code(consent, ways, say=person.say)
    return _prove(configuration.url, consent.redeem(code), advice=AGAIN)


def _prove(url: str, information: Mapping[str, Any], *, advice: str) -> Proven:
    """Return the credentials and their account. Raise AccessError if the bucket cannot be listed with them."""
    credentials = from_information(information)
    store = GoogleStore(url, credentials, patience=PATIENCE)
    try:
        next(store.list(f"{LAYOUT}/"), None)
    except AccessError as error:
        cause = str(error)
        if cause.endswith(AUTHENTICATE_AGAIN):
            cause = cause.removesuffix(AUTHENTICATE_AGAIN) + advice
        raise AccessError(f"{account_of(credentials)} has no access to {url}. {cause}") from None
    return information, account_of(credentials)
