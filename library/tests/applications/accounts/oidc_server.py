"""A small OpenID Connect provider, for tests: authorization code flow with PKCE, and one client."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, override
from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib.auth import get_user
from django.test import Client

CLIENT_ID, CLIENT_SECRET = "the-site", "client-secret-of-the-site"


class Provider(ThreadingHTTPServer):
    """The provider. `claims` describe the person who is signed in there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.claims: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True}
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()

    @property
    def url(self) -> str:
        """The issuer."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """The endpoints."""

    server: Provider

    def do_GET(self) -> None:
        """Answer a browser, or a question about the provider or the person."""
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        match address.path:
            case "/.well-known/openid-configuration":
                endpoints = {
                    "authorization_endpoint": "authorize",
                    "token_endpoint": "token",
                    "userinfo_endpoint": "me",
                }
                urls = {name: f"{self.server.url}/{path}" for name, path in endpoints.items()}
                self.answer({"issuer": self.server.url, "jwks_uri": f"{self.server.url}/keys", **urls})
            case "/authorize" if query.get("client_id") == CLIENT_ID and query.get("code_challenge_method") == "S256":
                code = secrets.token_hex(8)
                self.server.codes[code] = query
                self.send_response(302)
                back = urlencode({"code": code, "state": query["state"]})
                self.send_header("Location", f"{query['redirect_uri']}?{back}")
                self.end_headers()
            case "/me" if self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.tokens:
                self.answer(self.server.claims)
            case _:
                self.answer({"error": "invalid_request"}, status=400)

    def do_POST(self) -> None:
        """Give a token for a code, once, to the client that asked for the code."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        begun = self.server.codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            begun is None
            or (sent.get("client_id"), sent.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET)
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != sent["redirect_uri"]
        ):
            self.answer({"error": "invalid_grant"}, status=400)
            return
        token = secrets.token_hex(8)
        self.server.tokens.add(token)
        self.answer({"access_token": token, "token_type": "Bearer"})

    def answer(self, data: Any, *, status: int = 200) -> None:
        """Send JSON."""
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def oidc_server() -> Iterator[Provider]:
    """Yield a provider that listens."""
    with Provider() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def login_url(provider: Provider) -> str:
    """Return the path that begins a sign-in with the provider."""
    return f"/accounts/oidc/127.0.0.1-{provider.server_address[1]}/login/"


def visit(provider: Provider, client: Client, *, process: str = "") -> Any:
    """Go to the provider and back, as a browser does. Return the response of the callback."""
    begun = client.post(f"{login_url(provider)}{process}")
    assert begun.status_code == 302, begun.content.decode()
    there = urlsplit(begun["Location"])
    connection = HTTPConnection(there.netloc)
    connection.request("GET", f"{there.path}?{there.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    return client.get(f"{back.path}?{back.query}")


def signed_in(client: Client) -> Any:
    """Return the user who is signed in, or None."""
    user = get_user(client)
    return user if user.is_authenticated else None
