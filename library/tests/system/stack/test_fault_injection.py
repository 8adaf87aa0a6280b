"""Effects for clients when a part of PROD dies, and recovery without help."""

import operator
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import pytest
from bedplate.testing.compose import wait_until
from bedplate.testing.server import Server

from stack.conftest import Report
from stack.fault_injection import kill_main_process, kill_one_worker, occupied
from stack.traffic import Traffic
from stack.valkey import LISTS

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]

BACK_WITHIN: Final = 60  # seconds, on a busy machine; the actual number is reported
SERVED: Final = 10  # requests of each client


@pytest.fixture(scope="module")
def traffic(server: Server) -> Iterator[Traffic]:
    """Yield the load of clients during these tests; delete its tasks at the end."""
    with Traffic(server, write_every=1).running() as traffic:
        yield traffic
    server.valkey("valkey", "del", *LISTS)
    server.query("DELETE FROM operations_taskrun")


def restart(service: str, server: Server) -> None:
    """Restart the service."""
    server.compose("restart", service)


def move_web(server: Server) -> None:
    """Start `web` again while another container has its address."""
    address = server.address("web")
    server.compose("stop", "web")
    with occupied(server, address):
        server.compose("up", "--detach", "--no-deps", "web")
        assert server.address("web") != address


FAULTS: Final[dict[str, Callable[[Server], None]]] = {
    "a process of web is killed": lambda server: kill_one_worker(server, "web"),
    "web is killed": lambda server: kill_main_process(server, "web"),
    "nginx is killed": lambda server: kill_main_process(server, "nginx"),
    "PostgreSQL is restarted": partial(restart, "postgres"),
    "Valkey is restarted": partial(restart, "valkey"),
    "web moves to another address": move_web,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_site_recovers_by_itself(server: Server, traffic: Traffic, report: Report, fault: str) -> None:
    """Some requests may fail meanwhile; then all are served again, without manual help."""
    asked, failed = traffic.requests, len(traffic.failures)
    FAULTS[fault](server)
    struck = time.monotonic()
    wait_until(lambda: server.status("/health/ready") == 200, limit=BACK_WITHIN, what=f"after {fault}: the site serves")
    took = time.monotonic() - struck
    wait_for_answers(traffic, 1)  # to each client, to its earlier request
    back = len(traffic.failures)
    report(f"{fault}: {back - failed} of {traffic.requests - asked} requests failed, back after {took:.1f} s")
    wait_for_answers(traffic, SERVED)
    assert traffic.failures[back:] == []


def wait_for_answers(traffic: Traffic, number: int) -> None:
    """Return when each client has got `number` more answers."""
    enough = [answered + number for answered in traffic.answered]

    def have_all() -> bool:
        return all(map(operator.ge, traffic.answered, enough))

    wait_until(have_all, limit=60, what=f"{number} more answers to each client")


def test_everything_recovers_without_help(server: Server, traffic: Traffic) -> None:
    """Written data is there, every service is healthy, and the worker continues."""
    traffic.stop()
    assert int(server.query("SELECT count(*) FROM operations_taskrun")) >= traffic.written > 0
    wait_until(lambda: all_are_healthy(server), limit=60, what="every service is healthy")
    before = done(server)
    wait_until(lambda: done(server) > before, limit=30, what="the worker works")


def all_are_healthy(server: Server) -> bool:
    """Return whether Docker calls every service healthy."""
    return all(container["State"]["Health"]["Status"] == "healthy" for container in server.containers().values())


def done(server: Server) -> int:
    """Return how many tasks have succeeded."""
    return int(server.query("SELECT count(*) FROM operations_taskrun WHERE state = 'succeeded'"))
