"""Load clients that read and write over open connections, and the requests that failed."""

import http.client
import itertools
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, Protocol, override
from urllib.parse import urlencode

from bedplate.testing.visitor import Visitor

CLIENTS: Final = 4
PAUSE: Final = 0.2  # seconds between two requests of one client: they share this machine with the deploy
WRITE_EVERY: Final = 5  # rounds: each writes a task, which a worker runs

CLOSED: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Site(Protocol):
    """What is asked: a server, or a site on several machines."""

    def visitor(self) -> Visitor:
        """Return a new client."""

    def make_user(self, email: str, *, password: str) -> None:
        """Create a user with a verified address."""


class Connection(http.client.HTTPSConnection):
    """A connection to the site's address under the site's name."""

    def __init__(self, visitor: Visitor, number: int) -> None:
        """Prepare the connection with this number; it connects as this visitor when it is used."""
        super().__init__(visitor.host.partition(":")[0], context=visitor.context, timeout=30)
        self.visitor, self.number = visitor, number

    @override
    def connect(self) -> None:
        plain = socket.create_connection(self.visitor.address, timeout=self.timeout)
        self.sock = self.visitor.context.wrap_socket(plain, server_hostname=self.host)


class Traffic:
    """The load of some clients, and its results."""

    def __init__(
        self,
        server: Site,
        *,
        clients: int = CLIENTS,
        pause: float = PAUSE,
        write_every: int = WRITE_EVERY,
        reconnecting: bool = False,
    ) -> None:
        """Create the user of all clients. Each waits `pause` seconds before a request.

        They write in the first of each `write_every` rounds, with 0 in none.
        With `reconnecting` they do as browsers do: a request on an open connection that is closed without an answer is
        sent again, on a new one.
        """
        self.visitor, email = server.visitor(), f"visitor-{secrets.token_hex(4)}@example.com"
        server.make_user(email, password="a-visitor's-password")
        assert self.visitor.log_in(email, "a-visitor's-password"), self.visitor.ask("/accounts/login/")
        self.old_file = re.findall(r'href="(/static/[^"]+\.css)"', self.visitor.ask("/")[2])[0]
        self.pause, self.write_every, self.reconnecting = pause, write_every, reconnecting
        self.requests = 0
        self.answered = [0] * clients  # to each of them
        self.page_seconds: list[float] = []  # duration of each page, static files left out
        self.written = 0
        self.failures: list[str] = []
        self.failures_began: list[float] = []  # when each of these requests was sent: time.monotonic()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run_client, args=[number]) for number in range(clients)]

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        """Run the clients."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Let each client finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run_client(self, number: int) -> None:
        connection = Connection(self.visitor, number)
        for round_number in itertools.count():
            if self._stop.is_set():
                break
            self._ask(connection, "/", expected=200)
            page = self._ask(connection, "/tasks/", expected=200)
            writes = self.write_every and round_number % self.write_every == 0
            if writes and (token := re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)):
                form = urlencode({"csrfmiddlewaretoken": token[1], "seconds": "1"})
                self._ask(connection, "/tasks/", body=form, expected=302)
            self._ask(connection, self.old_file, expected=200)
        connection.close()

    def _ask(self, connection: Connection, path: str, *, expected: int, body: str | None = None) -> str:
        """Return the answer's text; record an unexpected result."""
        self._stop.wait(self.pause)
        method, text, refused = "POST" if body else "GET", "", False
        with self._lock:
            cookies = "; ".join(f"{key}={morsel.value}" for key, morsel in self.visitor.cookies.items())
        headers, started = {**self.visitor.headers, "Cookie": cookies}, time.monotonic()
        if body:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"https://{self.visitor.host}{path}",
                "Accept": "application/json",
            }
        try:
            try:
                response = _answer(connection, method, path, body, headers)
            except CLOSED:
                if not self.reconnecting:
                    raise
                connection.close()
                response = _answer(connection, method, path, body, headers)
            text = response.read().decode(errors="replace")
            # A user has a maximum of waiting tasks; nginx would refuse with a page.
            refused = (
                response.status == HTTPStatus.TOO_MANY_REQUESTS and response.headers.get_content_subtype() == "json"
            )
            problem = "" if response.status == expected or refused else str(response.status)
            with self._lock:
                for cookie in response.headers.get_all("Set-Cookie", []):
                    self.visitor.cookies.load(cookie)
        except (OSError, http.client.HTTPException) as error:
            problem = repr(error)
            connection.close()
        with self._lock:
            if path != self.old_file:
                self.page_seconds.append(time.monotonic() - started)
            self.requests += 1
            self.answered[connection.number] += 1
            self.written += bool(body and not problem and not refused)
            if problem:
                self.failures.append(f"{method} {path}: {problem}")
                self.failures_began.append(started)
        return text


def _answer(
    connection: Connection, method: str, path: str, body: str | None, headers: dict[str, str]
) -> http.client.HTTPResponse:
    connection.request(method, path, body=body, headers=headers)
    return connection.getresponse()
