"""Hostile clients, and the site serving all others meanwhile."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from bedplate.testing.compose import wait_until
from bedplate.testing.server import DOMAIN, Server
from bedplate.testing.visitor import BLOCKED

from stack.abuse import HEAD, connect, drip_until_closed, post, say, stalled, unfinished
from stack.conftest import CUSTOMER, Report
from stack.memory import MIB, memory_of

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]

UPLOADS: Final = 16
LARGE: Final = 24 * MIB  # just under what nginx takes: sixteen of them are more than nginx's memory
STATUS: Final = re.compile(r"HTTP/1\.1 (\d{3}) ")


@pytest.fixture(autouse=True)
def unharmed(server: Server) -> Iterator[None]:
    """Assert that nothing was restarted, and the site is up."""
    before = starts(server)
    yield
    wait_until(lambda: server.get("/").status == 200, limit=10, what="the site answers after the abuse")
    assert starts(server) == before


def starts(server: Server) -> dict[str, tuple[int, str, bool]]:
    """Return how often each container was restarted, its start, and whether it ran out of memory."""
    return {
        name: (container["RestartCount"], container["State"]["StartedAt"], container["State"]["OOMKilled"])
        for name, container in server.containers().items()
    }


def statuses(answer: str) -> list[int]:
    """Return the statuses of all answers in the received data."""
    return [int(status) for status in STATUS.findall(answer)]


# Too much at once


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"GET /{'a' * 20_000} HTTP/1.1\r\n{HEAD}\r\n", 414),
        (f"GET / HTTP/1.1\r\n{HEAD}X-Long: {'a' * 20_000}\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\n{HEAD}{''.join(f'X-{n}: {"a" * 1000}\r\n' for n in range(100))}\r\n", 400),
        (f"GET / HTTP/1.1\r\n{HEAD}Cookie: {'a' * 40_000}\r\n\r\n", 400),
        (f"POST /accounts/login/ HTTP/1.1\r\n{HEAD}Content-Length: {26 * MIB}\r\n\r\n", 413),
        (f"POST /accounts/login/ HTTP/1.1\r\n{HEAD}Content-Length: 99999999999999999999\r\n\r\n", 400),
        (f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n{26 * MIB:x}\r\naaaa", 413),
    ],
    ids=["address", "header", "headers", "cookie", "body", "number", "chunk"],
)
def test_too_much_is_refused(server: Server, request_: str, status: int) -> None:
    """A request that is too large is refused by its head, before it is sent."""
    assert statuses(say(server, request_)) == [status]


def test_many_fields_are_refused(server: Server) -> None:
    """A form with more fields than any page has is refused at once."""
    fields = {f"field{number}": "" for number in range(5000)}
    visitor = server.visitor()
    assert visitor.send_form("/accounts/password/reset/", **fields)[0] == 400


# Two readings of one request


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 6\r\nContent-Length: 44\r\n",
        "Content-Length: +6\r\n",
        "Content-Length: 0x6\r\n",
        "Content-Length: 6, 44\r\n",
    ],
)
def test_no_request_is_smuggled_in_another(server: Server, framing: str) -> None:
    """A request whose end can be read in two ways gets one answer, a refusal; the request hidden in it gets none."""
    hidden = f"GET /health/live HTTP/1.1\r\n{HEAD}\r\n"
    (status,) = statuses(say(server, f"POST / HTTP/1.1\r\n{HEAD}{framing}\r\n0\r\n\r\nX{hidden}"))
    assert status in {400, 501}


def test_no_line_is_smuggled_into_a_header(server: Server) -> None:
    """An address with a line break in it adds no header to the answer."""
    for path in ("/flower/%0d%0aX-Injected:%20yes", "/tasks/?page=%0d%0aX-Injected:%20yes", "/%0d%0aX-Injected:%20yes"):
        assert not re.search(
            r"^X-Injected", say(server, f"GET {path} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n"), re.MULTILINE
        )


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", None),
        (f"GET https://evil.example/ HTTP/1.1\r\n{HEAD}\r\n", None),
        (f"GET / HTTP/1.1\r\n{HEAD}Host: evil.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        (f"TRACE / HTTP/1.1\r\n{HEAD}\r\n", 405),
        (f"CONNECT evil.example:443 HTTP/1.1\r\n{HEAD}\r\n", 405),
    ],
)
def test_other_hosts_and_strange_methods(server: Server, request_: str, status: int | None) -> None:
    """A request for another host, wherever it is named, is refused or gets no answer; so is a request for a tunnel."""
    assert statuses(say(server, request_)) == ([status] if status else [])


def test_first_line_names_the_host(server: Server) -> None:
    """If a request names the site in its first line and another host below, the application sees the first."""
    request = f"GET https://{DOMAIN}/ HTTP/1.1\r\nHost: evil.example:81\r\nConnection: close\r\n\r\n"
    assert statuses(say(server, request)) == [200]  # for the other one, the application's answer is 400


# Slowly, and many


def test_slow_clients_are_disconnected(server: Server) -> None:
    """Dozens of clients that never finish a head or a body are disconnected; all others are served meanwhile."""
    head = f"GET / HTTP/1.1\r\n{HEAD}X-Slow: "
    body = f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 1000\r\n\r\nlogin="
    with (
        stalled(server, head, 40) as heads,
        stalled(server, body, 40) as bodies,
        ThreadPoolExecutor(2) as both,
    ):
        slow_heads = both.submit(drip_until_closed, heads, b"a", limit=60)
        slow_bodies = both.submit(drip_until_closed, bodies, b"", limit=60)
        while not (slow_heads.done() and slow_bodies.done()):
            assert server.get("/accounts/login/").status == 200
        assert {status for text in slow_heads.result() for status in statuses(text.decode())} <= {408}
        assert {status for text in slow_bodies.result() for status in statuses(text.decode())} <= {408}


def test_unfinished_uploads_take_no_memory(server: Server, report: Report) -> None:
    """Many large uploads that hardly move wait on the disk: nginx stays within its memory; nothing of them is left."""
    with unfinished(server, UPLOADS, length=LARGE, sent=LARGE - 1000):
        wait_until(lambda: waiting_uploads(server) == UPLOADS, limit=60, what="all uploads are on the disk")
        assert server.get("/").status == 200
        with unfinished(server, 20 - UPLOADS, length=LARGE):
            assert statuses(say(server, post(LARGE))) == [BLOCKED]
        used = memory_of(server)["nginx"].working_set
        report(f"nginx, with {UPLOADS} uploads of 24 MiB that hardly move: {used / MIB:.0f} MiB (of 256)")
        assert used < 128 * MIB
    wait_until(lambda: waiting_uploads(server) == 0, limit=60, what="nothing of them is left on the disk")


def waiting_uploads(server: Server) -> int:
    """Return the number of uploads that nginx has on its disk, in files without a name, which end with its process."""
    found = "find /proc/[0-9]*/fd -lname '/state/client_body/*' 2>/dev/null | wc -l"
    return int(server.exec("nginx", "sh", "-c", found))


@pytest.mark.usefixtures("customer")
def test_connections_of_one_address_are_limited(server: Server) -> None:
    """A client with hundreds of open requests is refused some of them; clients of other addresses notice nothing."""
    with unfinished(server, 256, length=1000):
        assert statuses(say(server, f"GET / HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n")) == [BLOCKED]
        assert server.visit_from("cron", "log_in", *CUSTOMER) == "True"


def test_client_without_pauses_is_slowed_not_refused(server: Server, report: Report) -> None:
    """A thousand requests from one address, twenty at a time, are all answered."""

    def ask_fifty_times(_number: int) -> list[int]:
        request = f"GET /health/live HTTP/1.1\r\n{HEAD}\r\n"
        with connect(server) as connection:
            connection.sendall(request.encode() * 50)
            answers = b""
            while answers.count(b"HTTP/1.1 ") < 50:
                piece = connection.recv(65536)
                assert piece
                answers += piece
            return statuses(answers.decode())

    with ThreadPoolExecutor(20) as many:
        answered = [status for answers in many.map(ask_fifty_times, range(20)) for status in answers]
    assert answered == [200] * 1000
    used = {name: memory.working_set for name, memory in memory_of(server).items()}
    report(f"after the abuse: {', '.join(f'{name} {size / MIB:.0f} MiB' for name, size in sorted(used.items()))}")
