"""`./google_storage.sh -a`: give this machine credentials for the bucket, and verify them first."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from bedplate.backup.configuration import Configuration
from bedplate.backup.credentials import account_of, from_information, read_information, store_information
from bedplate.backup.errors import AccessError, BackupError, WrongUseError
from bedplate.backup.names import LAYOUT
from bedplate.backup.oauth_callback import AGAIN, GUIDE, CallbackOptions, OAuthClient, OAuthFlow, wait_for_code
from bedplate.backup.stores.google import AUTHENTICATE_AGAIN, GoogleStore

TIME_LIMIT_SECONDS: Final = 600
# Less than at night: a user is waiting, and should soon see that the store does not answer.
RETRY_SECONDS: Final = 30
NEW_KEY: Final = f"Is the key still one of the account's? {GUIDE} shows how to make one."
RENEW: Final = "To renew them: gcloud auth application-default login"

type VerifiedCredentials = tuple[Mapping[str, Any], str]
"""Credentials in Google's format, and their account."""


def standard_input() -> int | None:
    """Return the file descriptor of standard input; None if it is closed."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        return None


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The terminal of the user who runs the command."""

    say: Callable[[str], object] = typer.echo
    typed: int | None = field(default_factory=standard_input)
    """The file descriptor of the terminal that they can paste the URL into."""
    time_limit: float = TIME_LIMIT_SECONDS


def authenticate(
    configuration: Configuration,
    *,
    key_file: Path | None,
    port: int,
    application_default: Path | None = None,
    prompt: Prompt | None = None,
) -> None:
    """Store the first credentials that can list the bucket: the key file's, gcloud's, or those of a browser sign-in.

    Credentials without access are not stored, and those stored before stay.
    """
    url = _bucket(configuration)
    prompt = prompt or Prompt()
    gcloud = application_default or application_default_file(os.environ)
    verified = (
        _verify(url, _key(key_file), advice=NEW_KEY)
        if key_file
        else _try_gcloud(configuration, gcloud, prompt) or _ask(configuration, port, prompt)
    )
    information, account = verified
    store_information(configuration.variables.google_credentials, information)
    prompt.say(f"{account} has access to {url}. The credentials are stored for this machine, outside the repository.")


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


def _try_gcloud(configuration: Configuration, file: Path, prompt: Prompt) -> VerifiedCredentials | None:
    """Return gcloud's credentials; None if they are missing, or give no access and the user can sign in instead."""
    if not os.access(file, os.R_OK):
        return None
    prompt.say("Trying gcloud's application-default credentials.")
    try:
        return _verify(configuration.url, read_information(file), advice=RENEW)
    except AccessError as error:
        if not configuration.variables.google_oauth_client_id:
            raise
        prompt.say(f"{error}\nInstead:")
        return None


def _ask(configuration: Configuration, port: int, prompt: Prompt) -> VerifiedCredentials:
    variables = configuration.variables
    client = OAuthClient(
        id=variables.google_oauth_client_id,
        secret=variables.google_oauth_client_secret.get_secret_value(),
        auth_uri=variables.google_oauth_auth_uri,
        token_uri=variables.google_oauth_token_uri,
    )
    flow = OAuthFlow(client, redirect=f"http://127.0.0.1:{port}/")
    # In a container, listen on all addresses: Docker publishes this one port on the machine's 127.0.0.1, and no other.
    host = "127.0.0.1" if variables.embedded else "0.0.0.0"  # noqa: S104 - see above
    options = CallbackOptions(host=host, port=port, typed=prompt.typed, time_limit=prompt.time_limit)
    code = wait_for_code(flow, options, say=prompt.say)
    return _verify(configuration.url, flow.exchange(code), advice=AGAIN)


def _verify(url: str, information: Mapping[str, Any], *, advice: str) -> VerifiedCredentials:
    """Return the credentials and their account. Raise AccessError if the bucket cannot be listed with them."""
    credentials = from_information(information)
    store = GoogleStore(url, credentials, retry_seconds=RETRY_SECONDS)
    try:
        next(store.list(f"{LAYOUT}/"), None)
    except AccessError as error:
        cause = str(error)
        if cause.endswith(AUTHENTICATE_AGAIN):
            cause = cause.removesuffix(AUTHENTICATE_AGAIN) + advice
        raise AccessError(f"{account_of(credentials)} has no access to {url}. {cause}") from None
    return information, account_of(credentials)
