"""A person's consent that the team's OAuth client acts for them: the protocol, without browser or terminal.

Authorization code with PKCE and a loopback address: https://developers.google.com/identity/protocols/oauth2/native-app
"""

import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import requests
from google_auth_oauthlib.flow import Flow
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from bedplate.backup.credentials import STORAGE
from bedplate.backup.errors import AccessError, BackupError, WrongUseError

# The full names, as Google gives them back.
SCOPES: Final = ("openid", "https://www.googleapis.com/auth/userinfo.email", STORAGE)
GUIDE: Final = "library/docs/how-to/authenticate-google-storage.md"
AGAIN: Final = "Run ./google_storage.sh -a again."


class WrongAddressError(BackupError):
    """Not where the browser was sent to after the question. Another address may be."""


@dataclass(frozen=True, kw_only=True)
class OAuthClient:
    """The team's OAuth client, of the type "Desktop app"."""

    id: str
    secret: str
    auth_uri: str
    token_uri: str

    def __post_init__(self) -> None:
        if not self.id or not self.secret:
            raise WrongUseError(
                "There is no OAuth client to ask for your consent with. Make one and set GOOGLE_OAUTH_CLIENT_ID and "
                f"GOOGLE_OAUTH_CLIENT_SECRET in .env ({GUIDE} shows how), "
                "or give a service account's key: --key-file FILE."
            )


class Consent:
    """One question to one person."""

    def __init__(self, client: OAuthClient, *, redirect: str) -> None:
        """Prepare the question; `redirect` is where the browser brings the answer."""
        self._client = client
        installed = {
            "client_id": client.id,
            "client_secret": client.secret,
            "auth_uri": client.auth_uri,
            "token_uri": client.token_uri,
        }
        self._flow = Flow.from_client_config({"installed": installed}, SCOPES, redirect_uri=redirect)
        self.url, self._state = self._flow.authorization_url(prompt="consent")

    def code_in(self, address: str) -> str:
        """Return the code in the address that the browser was sent to.

        Raise WrongAddressError if it is not the answer to this question, AccessError if the answer is no.
        """
        fields = dict(parse_qsl(address.strip().partition("#")[0].partition("?")[2]))
        if "state" not in fields or not fields.keys() & {"code", "error"}:
            raise WrongAddressError("That is not the address that the browser was sent to: it has no code and state.")
        if not hmac.compare_digest(fields["state"].encode(), self._state.encode()):
            raise WrongAddressError("That address answers an earlier question: open the link that is shown here.")
        if fields.get("error") == "access_denied":
            raise AccessError(f"You did not give your consent. {AGAIN}")
        if "error" in fields:
            raise AccessError(f"Google did not ask you ({fields['error']}). Is the OAuth client made as {GUIDE} says?")
        return fields["code"]

    def redeem(self, code: str) -> dict[str, Any]:
        """Return the credentials that the code stands for, in Google's format. Raise AccessError if it has none."""
        try:
            token = self._flow.fetch_token(code=code, timeout=60)
        except Warning:  # oauthlib raises it when the scopes are not those that were asked for
            raise AccessError(f"You did not agree to all that was asked for. {AGAIN} Tick every box.") from None
        except OAuth2Error as error:
            raise AccessError(
                f"Google does not accept the answer ({error}). Run ./google_storage.sh -a again."
            ) from None
        except requests.RequestException as error:
            raise BackupError(f"{self._client.token_uri} does not answer ({error}). Try again later.") from None
        if not token.get("refresh_token"):
            raise AccessError("Google gave no lasting access. Is the OAuth client of the type Desktop app?")
        return {
            "type": "authorized_user",
            "client_id": self._client.id,
            "client_secret": self._client.secret,
            "token_uri": self._client.token_uri,
            "refresh_token": token["refresh_token"],
        }
