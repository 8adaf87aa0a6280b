"""A store that fails on demand: an HTTP proxy in front of the real one."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Answer:
    """The proxy answers with this status; the request does not reach the store."""

    status: int
    message: str = "set by the test"


@dataclass(frozen=True)
class Reply:
    """The proxy answers with this document; the request does not reach the store."""

    document: dict[str, Any]


class Silence:
    """The proxy does not answer; the request does not reach the store."""


@dataclass(frozen=True)
class Cut:
    """The store handles the request, and the connection breaks after n bytes of the response; None: before it."""

    after: int | None = None


@dataclass(frozen=True)
class Flip:
    """The store handles the request, and one bit of the response's body is flipped."""

    at: int = 0


@dataclass(frozen=True)
class Rewrite:
    """The store handles the request, and matches of a pattern are removed from the response's body."""

    without: bytes


type Fault = Answer | Reply | Silence | Cut | Flip | Rewrite


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    path: str
    authorization: str
    body: bytes


@dataclass
class Rule:
    """A fault for the next `times` requests with this method and this text in their path."""

    fault: Fault
    times: int
    method: str
    path: str


class FaultProxy(ThreadingHTTPServer):
    """The proxy on a port of this machine, while the context lasts. It records the requests."""

    daemon_threads = True

    def __init__(self, store: str, *, port: int = 0) -> None:
        """Listen for requests to the store at that URL."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.store = urlsplit(store)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[str] = []
        self.accepts: Callable[[str | None], bool] = lambda _authorization: True
        self.judge: Callable[[Request], Fault | None] = lambda _request: None
        self.closing = threading.Event()
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "FaultProxy":
        """Start the proxy."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the proxy."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def fail(self, fault: Fault, *, times: int = 1, method: str = "", path: str = "") -> None:
        """Make the next requests of this kind fail."""
        self._rules.append(Rule(fault, times, method, path))

    def forget_when(self) -> None:
        """Remove the time of storage from responses, because tests backdate backups."""
        self.fail(Rewrite(rb'"timeCreated": *"[^"]*",'), times=10**6, method="GET", path="/o?")

    def clear(self) -> None:
        """Remove all faults."""
        self._rules.clear()

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Record the request, and return its fault."""
        with self._lock:
            self.requests.append(f"{method} {path}")
            for rule in self._rules:
                if rule.times and rule.method in {"", method} and rule.path in path:
                    rule.times -= 1
                    return rule.fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that waits for the headers' ACK takes 40 ms: most of the time of a test

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the handler of requests with any method."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault_for(self.command, self.path)
        if not self.server.accepts(self.headers.get("Authorization")):
            fault = Answer(401, "Invalid Credentials")
        request = Request(self.command, self.path, self.headers.get("Authorization", ""), body)
        match self.server.judge(request) or fault:
            case Answer(status, message):
                self._send(status, {}, json.dumps({"error": {"code": status, "message": message}}).encode())
            case Reply(document):
                self._send(200, {"Content-Type": "application/json"}, json.dumps(document).encode())
            case Silence():
                self.server.closing.wait()
                self.close_connection = True
            case fault:
                self._forward(body, fault)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name for it
        """Suppress the log."""

    def _forward(self, body: bytes, fault: Cut | Flip | Rewrite | None) -> None:
        store = HTTPConnection(str(self.server.store.hostname), self.server.store.port, timeout=60)
        try:
            store.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = store.getresponse()
            content = answer.read()
        finally:
            store.close()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        if "Location" in headers:  # the URL for the chunks of an upload
            headers["Location"] = headers["Location"].replace(self.server.store.geturl(), self.server.url)
        match fault:
            case Cut(None):
                self._hang_up()
            case Cut(after):
                self._send(answer.status, headers, content, cut=after)
            case Rewrite(without):
                self._send(answer.status, headers, re.sub(without, b"", content))
            case Flip(at) if content:
                self._send(answer.status, headers, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            case _:
                self._send(answer.status, headers, content)

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, cut: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:cut])
        if cut is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        """Reset the connection, as a machine that goes down does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
