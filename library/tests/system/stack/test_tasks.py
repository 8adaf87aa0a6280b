"""Background tasks: their progress in the browser, their history, and failures."""

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack, wait_until
from playwright.sync_api import APIRequestContext, Page, expect

from stack.tasks import start_sample, wait_until_running, wait_until_succeeded

pytestmark = pytest.mark.stack

# Kill the processes that run tasks, as the kernel does when memory is short. The worker's main process stays.
KILL_POOL = r"""
import os, pathlib, signal
def parent(process): return (process / "stat").read_text().rpartition(")")[2].split()[1]
workers = [p for p in pathlib.Path("/proc").glob("[0-9]*") if b"celery\0--app" in (p / "cmdline").read_bytes()]
pool = [p.name for p in workers if parent(p) in {other.name for other in workers}]
for name in pool: os.kill(int(name), signal.SIGKILL)
print(len(pool))
"""


def test_progress_moves_without_a_reload(staff_page: Page) -> None:
    """The sample task, started on its page, moves its progress bar to the end by itself."""
    visit(staff_page, "/tasks/")
    staff_page.get_by_label("Duration in seconds").fill("8")
    staff_page.get_by_role("button", name="Start").click()
    staff_page.evaluate("window.sameDocument = true")
    bar = staff_page.get_by_role("progressbar").first
    seen: list[float] = []

    def is_full() -> bool:
        seen.append(bar.evaluate("bar => bar.value"))
        return seen[-1] == 100

    wait_until(is_full, limit=40, what="the progress bar is full")
    steps = sorted(set(seen))
    assert seen == sorted(seen), "the bar went backwards"
    assert len(steps) >= 4, f"the bar showed {steps} only"
    expect(staff_page.locator("[data-state]").first).to_have_text("Succeeded")
    expect(staff_page.locator("[data-finished]").first).not_to_be_empty()
    assert staff_page.evaluate("window.sameDocument")


def test_others_do_not_see_a_run(staff: APIRequestContext, member: APIRequestContext) -> None:
    """A run is its owner's and the staff's: for another user it does not exist."""
    address = start_sample(staff, seconds=1)
    assert (staff.get(address).status, member.get(address).status) == (200, 404)


def test_killed_process_starts_its_task_again(stack: Stack, staff: APIRequestContext) -> None:
    """A task whose process is killed runs again at once, and finishes."""
    address = start_sample(staff, seconds=4)
    wait_until_running(staff, address)
    assert int(stack.exec("celery", "python", "-c", KILL_POOL)) == 2
    wait_until_succeeded(staff, address)
    assert attempts(stack, address) == 2


def test_killed_worker_loses_no_task(stack: Stack, staff: APIRequestContext) -> None:
    """A task whose whole worker is killed runs again when the worker is back, though Valkey holds its message."""
    address = start_sample(staff, seconds=4)
    wait_until_running(staff, address)
    stack.compose("kill", "celery")
    stack.compose("up", "-d", "--wait", "celery")
    wait_until_succeeded(staff, address)
    assert attempts(stack, address) == 2


def test_killed_broker_loses_no_task(stack: Stack, staff: APIRequestContext) -> None:
    """Tasks that wait in the queue when Valkey is killed run once it is back."""
    stack.compose("stop", "celery")
    addresses = [start_sample(staff, seconds=1) for _ in range(2)]
    stack.compose("kill", "valkey")
    stack.compose("up", "-d", "--wait", "valkey", "celery")
    for address in addresses:
        wait_until_succeeded(staff, address)


def attempts(stack: Stack, address: str) -> int:
    """Return how often the run has started."""
    identifier = address.strip("/").rpartition("/")[2]
    runs = stack.query("select id, attempts from operations_taskrun").split()
    return int(dict(run.split("|") for run in runs)[identifier])
