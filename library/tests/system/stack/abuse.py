"""Clients that misbehave as no browser does, each over a separate connection to PROD's published port."""

import select
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Final

from bedplate.testing.server import DOMAIN, Server

HEAD: Final = f"Host: {DOMAIN}\r\n"
SLOW: Final = 1.0  # seconds between two bytes of a deliberately slow client


def connect(server: Server) -> ssl.SSLSocket:
    """Return a TLS connection on which nothing was sent yet."""
    context = ssl.create_default_context(cadata=server.certificate)
    plain = socket.create_connection(("127.0.0.1", server.https_port), timeout=30)
    return context.wrap_socket(plain, server_hostname=DOMAIN)


def say(server: Server, text: str) -> str:
    """Return everything received for this text, until the other side closes or falls silent."""
    with connect(server) as connection:
        connection.settimeout(10)
        answer = b""
        try:
            connection.sendall(text.encode("latin-1"))
            while piece := connection.recv(65536):
                answer += piece
        except (ssl.SSLError, ConnectionError, TimeoutError):
            pass  # closed in the middle of our request, which is an answer too, or kept open for the next one
        return answer.decode("latin-1")


@contextmanager
def stalled(server: Server, beginning: str, size: int) -> Iterator[list[ssl.SSLSocket]]:
    """Yield `size` connections that have each sent `beginning`, and then stay idle."""
    with ExitStack() as opened:
        connections = [opened.enter_context(connect(server)) for _number in range(size)]
        for connection in connections:
            connection.sendall(beginning.encode("latin-1"))
        yield connections


@contextmanager
def unfinished(server: Server, size: int, *, length: int, sent: int = 0) -> Iterator[None]:
    """Keep `size` requests open with bodies of `length` bytes, `sent` of them at once, then one now and then.

    Each is one that nginx has let in, before the next begins.
    """
    begun: list[ssl.SSLSocket] = []
    end = Event()

    def drip() -> None:
        while not end.wait(SLOW):
            for connection in begun:
                send(connection, b"a")

    with ExitStack() as opened, ThreadPoolExecutor(1) as beside:
        beside.submit(drip)
        try:
            for _number in range(size):
                connection = opened.enter_context(connect(server))
                connection.sendall(post(length).encode())
                assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
                connection.sendall(b"a" * sent)
                begun.append(connection)
            yield
        finally:
            end.set()


def post(length: int) -> str:
    """Return the head of a request with a body of this length; nginx answers 100 when it has let it in."""
    return f"POST / HTTP/1.1\r\n{HEAD}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"


def drip_until_closed(connections: Sequence[ssl.SSLSocket], byte: bytes, *, limit: float) -> list[bytes]:
    """Send a byte to each now and then until it is closed; return what each received."""
    deadline, received = time.monotonic() + limit, dict.fromkeys(connections, b"")
    waiting = set(connections)
    while waiting:
        assert time.monotonic() < deadline, f"{len(waiting)} of {len(connections)} slow clients are still served"
        readable, _writable, _failed = select.select(list(waiting), [], [], SLOW)
        for connection in readable:
            piece = receive(connection)
            received[connection] += piece
            if not piece:
                waiting.remove(connection)
        for connection in [] if readable else list(waiting):
            if byte and not send(connection, byte):
                waiting.remove(connection)
    return list(received.values())


def receive(connection: ssl.SSLSocket) -> bytes:
    """Return the received data; empty when the other side has closed."""
    try:
        return connection.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return b""


def send(connection: ssl.SSLSocket, data: bytes) -> bool:
    """Return whether the other side still accepts data."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True
