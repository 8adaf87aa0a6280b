"""Background tasks while workers and Valkey are killed."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import pytest
from bedplate.testing.compose import wait_until
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor

from stack.conftest import Report
from stack.fault_injection import OURS, SHELL, have_all_ended, kill_main_process, tasks_for_tests, write_all

pytestmark = pytest.mark.stack

TASKS: Final = 600
# After this number of rows: one of the two workers is killed as a whole, in turn; Valkey is restarted.
KILLS: Final = (60, 150, 250, 350, 480)
RESTARTS: Final = (105, 300)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
def test_no_task_is_lost_and_none_has_its_effect_twice(server: Server, report: Report) -> None:
    """600 tasks write a row each while a worker of two is killed five times and Valkey restarted twice."""
    with tasks_for_tests(server, workers=2) as options, ThreadPoolExecutor() as pool:
        started = pool.submit(write_all, server, options, TASKS)
        for number in sorted(KILLS + RESTARTS):
            wait_until(partial(is_written, server, number, started), limit=120, what=f"{number} rows are written")
            if number in KILLS:
                kill_main_process(server, "celery", which=KILLS.index(number) % 2)
            else:
                server.compose("restart", "valkey")
        started.result()
        wait_until(partial(have_all_ended, server), limit=180, what="every task has ended")
        rows, different = server.query("SELECT count(*), count(DISTINCT number) FROM written").strip().split("|")
        ended, begun = server.query(f"SELECT count(*), sum(attempts) {OURS} AND state = 'succeeded'").strip().split("|")
    report(f"{TASKS} tasks, {len(KILLS)} kills, {len(RESTARTS)} restarts: {rows} effects of {begun} beginnings")
    assert (int(rows), int(different), int(ended)) == (TASKS, TASKS, TASKS)
    assert int(begun) > TASKS, "no kill found a task that had begun"


@pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")
def test_task_that_always_dies_is_given_up_and_reported(server: Server, superuser: Visitor) -> None:
    """It starts three times; then it has failed, its run has the reason, and the admins get a mail."""
    with tasks_for_tests(server):
        server.exec("celery", *SHELL, "from tasks_for_tests import die; die.start()")
        wait_until(partial(have_all_ended, server), limit=60, what="the task has been given up")
        recorded = server.query(f"SELECT state, attempts, error {OURS}").strip()
        assert recorded == "failed|3|Given up: its process was killed 3 times."
        mail = wait_until(partial(mails_about, superuser, "tasks_for_tests.die"), limit=30, what="a mail to the admins")
        assert "Given up: its process was killed 3 times." in mail


def is_written(server: Server, number: int, started: "Future[None]") -> bool:
    """Return whether the tasks have written `number` rows. Fail if they could not be started."""
    if started.done():
        started.result()
    return int(server.query("SELECT count(*) FROM written")) >= number


def mails_about(superuser: Visitor, text: str) -> str:
    """Return the mail catcher's page, if it has this text; else an empty one."""
    page = superuser.ask("/mail/")[2]
    return page if text in page else ""
