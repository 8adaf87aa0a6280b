"""A server whose uploads are in a bucket: fake-gcs-server on this machine, behind a proxy that checks signatures."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import run
from bedplate.testing.fake_gcs import FakeGcs, fake_gcs
from bedplate.testing.oauth_server import Issuer, OAuthServer
from bedplate.testing.server import Server
from bedplate.testing.signed_addresses import is_signed
from documents import commands_of

HOW_TO: Final = ROOT / "library/docs/how-to/uploads-in-a-bucket.md"
MOVE: Final = "Move existing uploads, and back"
API: Final = ("/storage/", "/upload/", "/download/")
HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "keep-alive"}
# Google's page of errors quotes what it was asked for.
REFUSAL: Final = "<?xml version='1.0'?><Error><Code>SignatureDoesNotMatch</Code><Request>{}</Request></Error>"
UNWANTED: Final = {
    "Alt-Svc": 'h3=":443"; ma=2592000',
    "X-GUploader-UploadID": "an-upload",
    "X-Goog-Generation": "1",
    "Cache-Control": "public, max-age=3600",
    "Content-Disposition": "inline",
    "Set-Cookie": "sessionid=of-the-storage",
    "X-Accel-Redirect": "/_private/x",
}
LIMIT: Final = 20


@dataclass(frozen=True)
class Fetched:
    """A request for an object by its signed address."""

    method: str
    path: str
    headers: Message


@dataclass
class StorageProxy:
    """What the proxy has seen, and how it answers."""

    public_keys: dict[str, str]
    store: str = ""
    fetched: list[Fetched] = field(default_factory=list)
    redirects: bool = False
    """Whether it sends clients elsewhere, with the signed address, as S3 does for a new bucket."""
    refuse: Callable[[str, str], bool] = lambda _method, _path: False
    """Whether the account has no right to do this: method and path."""


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the handler of requests with any method."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Log nothing."""

    def _handle(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.refuse(self.command, self.path):
            message = "uploads@test-project.iam.gserviceaccount.com does not have storage.objects.create access"
            self._send(403, {}, json.dumps({"error": {"code": 403, "message": message}}).encode())
            return
        of_object = not self.path.startswith(API)
        if of_object:
            proxy.fetched.append(Fetched(self.command, self.path, self.headers))
            if proxy.redirects:
                self._send(307, {"Location": f"http://elsewhere.example.com{self.path}"}, b"")
                return
            host = self.headers["Host"]
            keys = proxy.public_keys.values()
            if not any(is_signed(self.command, host, self.path, public_key=key) for key in keys):
                self._send(403, {"Content-Type": "application/xml"}, REFUSAL.format(self.path).encode())
                return
        self._forward(body, UNWANTED if of_object else {})

    def _forward(self, body: bytes, added: dict[str, str]) -> None:
        connection = HTTPConnection(urlsplit(self.server.proxy.store).netloc, timeout=60)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self._send(answer.status, {**headers, **added}, content, length=answer.headers["Content-Length"])

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, length: str | None = None) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": length or str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, proxy: StorageProxy) -> None:
        super().__init__((host, 0), _Handler)
        self.proxy = proxy


@dataclass(frozen=True, kw_only=True)
class UploadsInBucket:
    """The server, and its storage."""

    server: Server
    proxy: StorageProxy
    bucket: str

    def objects(self, prefix: str = "site/p") -> list[str]:
        """Return the names of the objects in the bucket."""
        url = f"{self.proxy.store}/storage/v1/b/{self.bucket}/o"
        found = requests.get(url, params={"prefix": prefix}, timeout=LIMIT).json()
        return [each["name"] for each in found.get("items", [])]

    def delete(self, name: str) -> None:
        """Remove an object."""
        url = f"{self.proxy.store}/storage/v1/b/{self.bucket}/o/{quote(name, safe='')}"
        requests.delete(url, timeout=LIMIT).raise_for_status()

    def logs(self) -> str:
        """Return all logs of the server's containers."""
        return self.server.compose("logs", "--no-color", limit=60)


def restart(server: Server) -> None:
    """Restart the release, with what `.env` and secrets/ have now."""
    run(server.directory / "bedplate", "deploy", "--restart", "--yes", directory=server.directory, limit=600)


def set_variables(server: Server, **values: str) -> None:
    """Set variables in `.env`."""
    file = server.directory / ".env"
    lines = [line for line in file.read_text().splitlines() if line.partition("=")[0] not in values]
    file.write_text("".join(f"{line}\n" for line in [*lines, *(f"{name}={value}" for name, value in values.items())]))


def move(server: Server, media_url: str) -> None:
    """Move the uploads as the how-to page says."""
    back_up, restore = commands_of(HOW_TO, section=MOVE)
    server.follow(back_up)
    set_variables(server, MEDIA_URL=media_url)
    server.follow(restore)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The storage, as clients see it behind its proxy, and the issuer of its accounts' keys."""

    url: str
    store: FakeGcs
    proxy: StorageProxy
    issuer: Issuer


@contextmanager
def storage(host: str) -> Iterator[Storage]:
    """Run the storage at this address of the machine."""
    with ExitStack() as cleanup:
        issuer = cleanup.enter_context(OAuthServer(host=host)).issuer
        proxy = StorageProxy(issuer.keys)
        listener = cleanup.enter_context(_Server(host, proxy))
        threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        cleanup.callback(listener.shutdown)
        url = f"http://{host}:{listener.server_port}"
        store = cleanup.enter_context(fake_gcs(url=url))
        proxy.store = store.url
        yield Storage(url=url, store=store, proxy=proxy, issuer=issuer)


@contextmanager
def uploads_in_bucket(server: Server) -> Iterator[UploadsInBucket]:
    """Move the server's uploads into a bucket, and its backups into another; bring everything back at the end."""
    shown = run("docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", server.network)
    gateway = shown.strip()
    secrets, before = server.directory / "secrets", server.dotenv
    with storage(gateway) as found:
        bucket = found.store.make_bucket()
        variables = {"BACKUP_URL": found.store.make_bucket(), "STORAGE_EMULATOR_HOST": found.url}
        kept = {name: (secrets / name).read_text() for name in ("media_credentials", "google_credentials")}
        try:
            for name in kept:
                (secrets / name).write_text(json.dumps(found.issuer.new_key()))
            set_variables(server, **variables)
            restart(server)
            move(server, f"{bucket}/site")
            yield UploadsInBucket(server=server, proxy=found.proxy, bucket=bucket.removeprefix("gs://"))
            move(server, "")
        finally:
            set_variables(server, MEDIA_URL="", **{name: before.get(name, "") for name in variables})
            for name, text in kept.items():
                (secrets / name).write_text(text)
            restart(server)
