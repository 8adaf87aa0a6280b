"""An OAuth server like Google's, for tests and for manual tests of `./google_storage.sh -a`.

From a shell: `PYTHONPATH=library/src .venv/bin/python -m bedplate.testing.oauth_server --help`. Its consent page has
one fixed user. The test storage does not check tokens; only `FaultProxy` does, if a test configures it.
"""

import argparse
import base64
import hashlib
import html
import json
import secrets
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

# google-auth writes this audience into every assertion.
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Test consent</title>
<link rel="icon" href="data:,"><h1>Test consent</h1><p>{client} asks {email} for:</p><p>{scope}</p>
<p><a href="/decide?allow=yes&amp;{question}">Allow</a> <a href="/decide?allow=no&amp;{question}">Deny</a></p></html>
"""


@dataclass
class Refusal(Exception):  # noqa: N818 - OAuth's error responses are normal answers
    """An error response of the token endpoint."""

    error: str
    description: str


@dataclass
class Issuer:
    """The server's data: its client, its user, its service account, and the valid tokens."""

    url: str
    client_id: str = "test-client"
    client_secret: str = "test-client-secret"  # noqa: S105 - a fake
    email: str = "person@example.com"
    service_account: str = "backups@test-project.iam.gserviceaccount.com"
    granted: str | None = None
    """The scopes that the user grants, if not all."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    access_tokens: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    """The service account's public keys, by their ids."""
    asked: set[str] = field(default_factory=set)
    """The scopes that the service account has requested."""

    def authorize(self, question: dict[str, str], *, allow: bool) -> str:
        """Return the URL of the browser's redirect after the user's decision."""
        if question.get("client_id") != self.client_id:
            answer = {"error": "unauthorized_client"}
        elif allow:
            code = secrets.token_urlsafe()
            self.codes[code] = question
            answer = {"code": code}
        else:
            answer = {"error": "access_denied"}
        return f"{question['redirect_uri']}?{urlencode(answer | {'state': question['state']})}"

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        """Return the answer of the token endpoint. Raise Refusal instead of an error response."""
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange_code(form)
            case "refresh_token":
                return self._refresh(form)
            case grant if grant == JWT_BEARER:
                return self._exchange_assertion(form["assertion"])
        raise Refusal("unsupported_grant_type", "No such grant.")

    def accepts(self, authorization: str | None) -> bool:
        """Return whether the header has a valid token."""
        return bool(authorization) and str(authorization).removeprefix("Bearer ") in self.access_tokens

    def revoke(self) -> None:
        """Revoke all tokens and keys."""
        for known in (self.codes, self.refresh_tokens, self.access_tokens, self.keys):
            known.clear()

    def new_key(self) -> dict[str, str]:
        """Return a new key of the service account, in the form of its key file."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        key_id = secrets.token_hex(20)
        self.keys[key_id] = public.decode()
        return {
            "type": "service_account",
            "project_id": "test-project",
            "private_key_id": key_id,
            "private_key": private.decode(),
            "client_email": self.service_account,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }

    def new_person(self) -> dict[str, str]:
        """Return application-default credentials of the user, as gcloud writes them, with this server's token URI."""
        token = secrets.token_urlsafe()
        self.refresh_tokens[token] = "openid email cloud-platform"
        client = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {
            "type": "authorized_user",
            "refresh_token": token,
            "token_uri": f"{self.url}/token",
            "account": "",
        } | client

    def _exchange_code(self, form: dict[str, str]) -> dict[str, Any]:
        self._check_client(form)
        question = self.codes.pop(form.get("code", ""), None)
        if question is None or question["redirect_uri"] != form.get("redirect_uri"):
            raise Refusal("invalid_grant", "Malformed auth code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if question.get("code_challenge_method") != "S256" or question.get("code_challenge") != challenge:
            raise Refusal("invalid_grant", "Invalid code verifier.")
        scope = self.granted or question["scope"]
        answer = self._new_token(scope)
        if question.get("access_type") == "offline":
            answer["refresh_token"] = secrets.token_urlsafe()
            self.refresh_tokens[answer["refresh_token"]] = scope
        return answer

    def _refresh(self, form: dict[str, str]) -> dict[str, Any]:
        self._check_client(form)
        scope = self.refresh_tokens.get(form.get("refresh_token", ""))
        if scope is None:
            raise Refusal("invalid_grant", "Token has been expired or revoked.")
        return self._new_token(scope)

    def _exchange_assertion(self, assertion: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(assertion, certs=self.keys, audience=AUDIENCE)
        except ValueError as error:
            raise Refusal("invalid_grant", f"Invalid JWT Signature. {error}") from None
        if claims["iss"] != self.service_account:
            raise Refusal("invalid_grant", "Invalid grant: account not found")
        self.asked.add(claims["scope"])
        return self._new_token(claims["scope"])

    def _check_client(self, form: dict[str, str]) -> None:
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            raise Refusal("invalid_client", "The OAuth client was not found.")

    def _new_token(self, scope: str) -> dict[str, Any]:
        token = secrets.token_urlsafe()
        self.access_tokens.add(token)
        answer = {"access_token": token, "expires_in": 3599, "scope": scope, "token_type": "Bearer"}
        return answer | ({"id_token": self._id_token()} if "email" in scope else {})

    def _id_token(self) -> str:
        parts = {"alg": "none"}, {"email": self.email, "iss": self.url, "aud": self.client_id}
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, base64.urlsafe_b64encode(b"-").decode().rstrip("=")])


class OAuthServer(ThreadingHTTPServer):
    """The issuer on a port of this machine, for the duration of the context."""

    daemon_threads = True

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, url: str = "") -> None:
        """Listen; `url` is the server's address for clients, if different."""
        super().__init__((host, port), _Handler)
        self.issuer = Issuer(url or f"http://{host}:{self.server_port}")
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "OAuthServer":
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """The settings with which a project uses this server."""
        return {
            "GOOGLE_OAUTH_CLIENT_ID": self.issuer.client_id,
            "GOOGLE_OAUTH_CLIENT_SECRET": self.issuer.client_secret,
            "GOOGLE_OAUTH_AUTH_URI": f"{self.issuer.url}/auth",
            "GOOGLE_OAUTH_TOKEN_URI": f"{self.issuer.url}/token",
            "OAUTHLIB_INSECURE_TRANSPORT": "1",  # this server has no TLS
        }


class _Handler(BaseHTTPRequestHandler):
    server: OAuthServer

    def do_GET(self) -> None:
        """Serve the consent page, its decision, and the revocation."""
        address = urlsplit(self.path)
        question = dict(parse_qsl(address.query))
        match address.path:
            case "/auth":
                self._send(HTTPStatus.OK, self._ask(question, address.query), content_type="text/html")
            case "/decide":
                allow = question.pop("allow") == "yes"
                self.send_response(HTTPStatus.FOUND)
                self.send_header("Location", self.server.issuer.authorize(question, allow=allow))
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/revoke":
                self.server.issuer.revoke()
                self._send(HTTPStatus.OK, "Revoked all tokens and keys.\n")
            case _:
                self._send(HTTPStatus.NOT_FOUND, "Not found.\n")

    def do_POST(self) -> None:
        """Answer requests for tokens."""
        form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            form["client_id"], _, form["client_secret"] = base64.b64decode(encoded).decode().partition(":")
        try:
            answer, status = self.server.issuer.exchange(form), HTTPStatus.OK
        except Refusal as refusal:
            answer = {"error": refusal.error, "error_description": refusal.description}
            status = HTTPStatus.BAD_REQUEST
        self._send(status, json.dumps(answer), content_type="application/json")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Log nothing."""

    def _ask(self, question: dict[str, str], query: str) -> str:
        return PAGE.format(
            client=html.escape(question.get("client_id", "")),
            email=html.escape(self.server.issuer.email),
            scope=html.escape(question.get("scope", "")),
            question=html.escape(query),
        )

    def _send(self, status: HTTPStatus, text: str, *, content_type: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m bedplate.testing.oauth_server", description="A test OAuth server. /revoke revokes all."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (0.0.0.0 for containers)")
    parser.add_argument("--port", type=int, default=8899, help="the port to listen on")
    parser.add_argument("--url", default="", help="its address for browser and containers, if different")
    parser.add_argument("--write-key-file", type=Path, help="write a service account's key here")
    options = parser.parse_args()
    with OAuthServer(host=options.host, port=options.port, url=options.url) as server:
        if options.write_key_file:
            options.write_key_file.write_text(json.dumps(server.issuer.new_key()))
        lines = "\n".join(f"{name}={value}" for name, value in server.variables.items())
        print(f"For .env:\n{lines}", flush=True)  # noqa: T201 - a program for people
        threading.Event().wait()


if __name__ == "__main__":
    main()
