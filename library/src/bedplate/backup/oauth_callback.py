"""Browser sign-in: the link, the callback that the browser is redirected to, and the exchange of the code.

`InstalledAppFlow` of google-auth-oauthlib makes the link (authorization code with PKCE, a loopback redirect:
https://developers.google.com/identity/protocols/oauth2/native-app) and exchanges the code. Its `run_local_server` is
not used: it stops after one request, even an invalid one, and does not accept a redirect URL that is pasted into the
terminal.
"""

import errno
import hmac
import html
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import parse_qsl

import requests
from google_auth_oauthlib.flow import InstalledAppFlow
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from bedplate.backup.credentials import STORAGE
from bedplate.backup.errors import AccessError, BackupError, WrongUseError

# The full names, as Google returns them.
SCOPES: Final = ("openid", "https://www.googleapis.com/auth/userinfo.email", STORAGE)
GUIDE: Final = "library/docs/how-to/authenticate-google-storage.md"
AGAIN: Final = "Run ./google_storage.sh -a again."
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="icon" href="data:,">
<style>
  :root {{ color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif }}
  body {{ display: grid; place-content: center; min-height: 90vh; margin: 1rem; text-align: center }}
  p {{ max-width: 32rem; margin: 0 auto }}
</style>
<main><h1>{title}</h1><p>{text}</p></main></html>
"""

type Result = str | BackupError
"""The authorization code, or the error instead of it."""


class InvalidRedirectError(BackupError):
    """The URL is not the redirect of this flow. The user can try another one."""


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


class OAuthFlow:
    """One sign-in of one user."""

    def __init__(self, client: OAuthClient, *, redirect: str) -> None:
        """Make the link; Google redirects the browser to `redirect`."""
        self._client = client
        installed = {
            "client_id": client.id,
            "client_secret": client.secret,
            "auth_uri": client.auth_uri,
            "token_uri": client.token_uri,
        }
        self._flow = InstalledAppFlow.from_client_config({"installed": installed}, SCOPES, redirect_uri=redirect)
        self.url, self._state = self._flow.authorization_url(prompt="consent")

    def code_in(self, url: str) -> str:
        """Return the code in the URL that the browser was redirected to.

        Raise InvalidRedirectError if it is not the redirect of this flow, AccessError if the user refused.
        """
        fields = dict(parse_qsl(url.strip().partition("#")[0].partition("?")[2]))
        if "state" not in fields or not fields.keys() & {"code", "error"}:
            raise InvalidRedirectError("The browser was not redirected to that address: it has no code and state.")
        if not hmac.compare_digest(fields["state"].encode(), self._state.encode()):
            raise InvalidRedirectError("That address belongs to an earlier link: open the link that is shown here.")
        if fields.get("error") == "access_denied":
            raise AccessError(f"You did not give your consent. {AGAIN}")
        if "error" in fields:
            raise AccessError(f"Google did not ask you ({fields['error']}). Is the OAuth client made as {GUIDE} says?")
        return fields["code"]

    def result_of(self, url: str) -> Result:
        """Return the code, or the error instead of it. Raise InvalidRedirectError as `code_in` does."""
        try:
            return self.code_in(url)
        except InvalidRedirectError:
            raise
        except BackupError as error:
            return error

    def exchange(self, code: str) -> dict[str, Any]:
        """Return the credentials for the code, in Google's format. Raise AccessError if Google refuses it."""
        try:
            token = self._flow.fetch_token(code=code, timeout=60)
        except Warning:  # oauthlib raises it when the scopes are not the requested ones
            raise AccessError(f"You did not agree to all that was asked for. {AGAIN} Tick every box.") from None
        except OAuth2Error as error:
            raise AccessError(f"Google does not accept the answer ({error}). {AGAIN}") from None
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


@dataclass(frozen=True, kw_only=True)
class CallbackOptions:
    """The address to wait at for the redirect, and the time limit."""

    host: str
    port: int
    typed: int | None
    """The file descriptor of the terminal that the user can paste the URL into."""
    time_limit: float
    """In seconds."""


def wait_for_code(flow: OAuthFlow, options: CallbackOptions, *, say: Callable[[str], object]) -> str:
    """Return the code of the first valid redirect, from the browser or pasted. Report invalid ones before it.

    Raise BackupError if the user refuses, or does not answer within the time limit.
    """
    results = SimpleQueue[Result]()
    with _listening(flow, results, options):
        say(f"Open this link in a browser, and give your consent:\n\n{flow.url}\n")
        if options.typed is not None:
            say("If that browser is on another machine, it ends at a page that does not load: paste its address here.")
            threading.Thread(target=_read, args=(flow, results, options.typed, say), daemon=True).start()
        result = _first(results, options.time_limit)
    if isinstance(result, BackupError):
        raise result
    return result


def _first(results: SimpleQueue[Result], time_limit: float) -> Result:
    # In short waits: Python leaves a Ctrl-C that comes just before a wait until after it.
    deadline = time.monotonic() + time_limit
    while (left := deadline - time.monotonic()) > 0:
        with suppress(Empty):
            return results.get(timeout=min(left, 1))
    raise BackupError(f"No answer came within {time_limit / 60:g} minutes. {AGAIN}")


@contextmanager
def _listening(flow: OAuthFlow, results: SimpleQueue[Result], options: CallbackOptions) -> Iterator[None]:
    class Handler(_Handler):
        def result_of(self, path: str) -> Result:
            return flow.result_of(path)

        def pass_on(self, result: Result) -> None:
            results.put(result)

    try:
        server = ThreadingHTTPServer((options.host, options.port), Handler)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise WrongUseError(
            f"Port {options.port} cannot be used ({error.strerror}). Choose another: --port PORT."
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _read(flow: OAuthFlow, results: SimpleQueue[Result], descriptor: int, say: Callable[[str], object]) -> None:
    for line in filter(None, _lines(descriptor)):
        try:
            results.put(flow.result_of(line))
        except InvalidRedirectError as error:
            say(f"{error} Paste the whole address, or press Ctrl-C to give up.")


def _lines(descriptor: int) -> Iterator[str]:
    # Not sys.stdin: a thread that blocks in it would keep Python from exiting.
    rest = b""
    try:
        while piece := os.read(descriptor, 4096):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").strip() for line in lines)
    except OSError:  # the terminal is closed
        return
    yield rest.decode(errors="replace").strip()


class _Handler(BaseHTTPRequestHandler, ABC):
    timeout = 10

    @abstractmethod
    def result_of(self, path: str) -> Result:
        """Return the result of a redirect to this path."""

    @abstractmethod
    def pass_on(self, result: Result) -> None:
        """Give the result to the waiting thread."""

    def do_GET(self) -> None:
        """Send the page first, and only then pass the result on: the program may exit at once."""
        if self.path.partition("?")[0] != "/":
            self._send(HTTPStatus.NOT_FOUND, "Nothing is here", "The link is in the terminal.")
            return
        try:
            result = self.result_of(self.path)
        except InvalidRedirectError as error:
            self._send(HTTPStatus.BAD_REQUEST, "This is not the answer", str(error))
            return
        try:
            if isinstance(result, BackupError):
                self._send(HTTPStatus.OK, "No access", str(result))
            else:
                self._send(HTTPStatus.OK, "Thank you", "The terminal says whether it worked. You can close this page.")
        finally:
            self.pass_on(result)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Keep the code out of the terminal."""

    def _send(self, status: HTTPStatus, title: str, text: str) -> None:
        page = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)
