"""Clients that do what no browser does, over connections of their own to PROD's published port."""

import select
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from bedplate.testing.server import DOMAIN, Server

HEAD: Final = f"Host: {DOMAIN}\r\n"
SLOW: Final = 1.0  # seconds between two bytes of a client that is slow on purpose


def connect(server: Server) -> ssl.SSLSocket:
    """Return a connection, secured, on which nothing has been said yet."""
    context = ssl.create_default_context(cadata=server.certificate)
    plain = socket.create_connection(("127.0.0.1", server.https_port), timeout=30)
    return context.wrap_socket(plain, server_hostname=DOMAIN)


def say(server: Server, text: str) -> str:
    """Return all that comes back for this text, until the other side closes or falls silent."""
    with connect(server) as connection:
        connection.settimeout(10)
        answer = b""
        try:
            connection.sendall(text.encode("latin-1"))
            while piece := connection.recv(65536):
                answer += piece
        except (ssl.SSLError, ConnectionError, TimeoutError):
            pass  # closed in the middle of our sentence, which is an answer too, or kept open for the next one
        return answer.decode("latin-1")


@contextmanager
def crowd(server: Server, beginning: str, size: int) -> Iterator[list[ssl.SSLSocket]]:
    """Give so many connections that have each said this much, and then stand still."""
    with ExitStack() as opened:
        connections = [opened.enter_context(connect(server)) for _number in range(size)]
        for connection in connections:
            connection.sendall(beginning.encode("latin-1"))
        yield connections


def drip_until_closed(connections: Sequence[ssl.SSLSocket], byte: bytes, *, limit: float) -> list[bytes]:
    """Return what each was told when it was let go; send another byte now and then until then."""
    deadline, told = time.monotonic() + limit, dict.fromkeys(connections, b"")
    waiting = set(connections)
    while waiting:
        assert time.monotonic() < deadline, f"{len(waiting)} of {len(connections)} slow clients are still served"
        readable, _writable, _failed = select.select(list(waiting), [], [], SLOW)
        for connection in readable:
            piece = receive(connection)
            told[connection] += piece
            if not piece:
                waiting.remove(connection)
        for connection in [] if readable else list(waiting):
            if byte and not send(connection, byte):
                waiting.remove(connection)
    return list(told.values())


def receive(connection: ssl.SSLSocket) -> bytes:
    """Return what has come; nothing when the other side has closed."""
    try:
        return connection.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return b""


def send(connection: ssl.SSLSocket, data: bytes) -> bool:
    """Return whether the other side still listens."""
    try:
        connection.sendall(data)
    except (ssl.SSLError, ConnectionError):
        return False
    return True
