"""A short soak test. The full number: template/benchmarks/soak/run.py."""

import pytest
from bedplate.testing.server import Server

from stack.conftest import Report
from stack.soak import soak

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session"),
]

REQUESTS = 400
TASKS = 80


def test_memory_is_read_while_pages_are_served_and_tasks_run(server: Server, report: Report) -> None:
    """The requested work was done without a failure, and the report has every container."""
    soaked = soak(server, requests=REQUESTS, tasks=TASKS)
    report(f"a short soak:\n{soaked}")
    assert soaked.failures == []
    assert (soaked.requests >= REQUESTS, soaked.tasks) == (True, TASKS)
    assert len(soaked.readings) > 1
    assert all(name in str(soaked) for name in server.containers())
    assert all(memory.anonymous > 0 for reading in soaked.readings for memory in reading.values())
