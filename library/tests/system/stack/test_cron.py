"""Cron: a new task, and tasks that fail, hang, overlap, are killed, stopped or missed."""

import re
import time
from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Stack, run, wait_until
from playwright.sync_api import APIRequestContext

from stack.conftest import Report
from stack.cron import Cron, Run, two_containers
from stack.production import HARDENED

pytestmark = pytest.mark.stack

FORMER_SCRIPT = "/cron/tasks/prune_task_runs.sh"
SLOW = """bash -c "trap 'echo tidied up; exit 1' TERM; echo began >>/data/backups/slow; sleep 600 & wait" """


@pytest.fixture(scope="module")
def cron(stack: Stack) -> Iterator[Cron]:
    """Return cron in two containers, with tasks that run each minute, added while it ran."""
    with two_containers(stack) as cron:
        cron.follow_how_to()
        cron.replace_line("prune_task_runs", f"10 3 * * * {FORMER_SCRIPT}")
        cron.add_task("fails", "sh -c 'echo about to fail; exit 3'")
        cron.add_task("hangs", "sleep 600", time_limit="1s")
        cron.add_line("10 3 * * * hangs_too 1s sleep 600")
        cron.add_task("counts", "sh -c 'echo once >>/data/backups/counts'")
        cron.add_task("slow", SLOW)
        yield cron


def test_new_task_runs_and_is_recorded(cron: Cron, staff: APIRequestContext) -> None:
    """A task added as the how-to says runs without a rebuild or restart, and its run is in the administration."""
    last = cron.wait_for("check", "succeeded")
    assert "no issues" in last.output
    listed = staff.get("/admin/cron_runs/cronrun/?task=check&state=succeeded").text()
    (address, *_) = re.findall(r'<th class="field-task"><a href="([^"?]+)', listed)
    assert "<pre>System check identified no issues" in staff.get(address).text()


def test_failed_run_raises_the_alarm(cron: Cron) -> None:
    """The admins get mail about a failed task, and the record has its output."""
    last = cron.wait_for("fails", "failed")
    assert (last.reason, last.output.strip()) == ("Exited with 3.", "about to fail")
    cron.wait_for_mail("Cron: fails: Exited with 3.")


def test_hanging_run_is_ended_and_raises_the_alarm(cron: Cron) -> None:
    """A hanging task is ended at its time limit, by its script or by the crontab's line, and the admins get mail."""
    cron.make_due("hangs_too")
    for task in ("hangs", "hangs_too"):
        assert cron.wait_for(task, "failed").reason == "Over its time limit."
        cron.wait_for_mail(f"Cron: {task}: Over its time limit.")


def test_line_that_names_a_former_script_still_runs(cron: Cron) -> None:
    """The crontab of an older project names a script of the base project that an update has removed: it still runs."""
    assert not (cron.stack.directory / "cron/tasks/prune_task_runs.sh").exists()
    cron.make_due("prune_task_runs")
    cron.stack.exec("cron", "/cron/recorded", "-c", FORMER_SCRIPT)  # as supercronic does
    assert cron.wait_for("prune_task_runs", "succeeded").output.startswith("Deleted ")


def test_two_containers_run_a_task_once(cron: Cron) -> None:
    """Each run belongs to one container, however many there are."""
    cron.wait_for("counts", "succeeded")
    wait_until(
        lambda: cron.stack.exec("cron", "cat", "/data/backups/counts").count("once") == len(begun_runs(cron, "counts")),
        limit=20,  # a run is recorded as begun before it prints
        what="each run of counts happened once",
    )


def wait_for_slow(cron: Cron) -> None:
    """Return once the slow task runs, and would hear that it is to end."""
    cron.wait_for("slow", "running")
    wait_until(
        lambda: cron.stack.exec("cron", "cat", "/data/backups/slow").count("began") == len(begun_runs(cron, "slow")),
        limit=20,
        what="the slow task has begun",
    )


def begun_runs(cron: Cron, task: str) -> list[Run]:
    """Return the started runs of a task. A busy machine may miss one, which then prints nothing."""
    return [run for run in cron.runs(task) if run.state not in {"missed", "skipped"}]


@pytest.mark.slow
def test_task_never_overlaps_itself(cron: Cron) -> None:
    """While a run continues, in either container, the next one is skipped."""
    last = cron.wait_for("slow", "skipped")
    assert last.reason == "The run before it has not ended."
    assert [run.state for run in cron.runs("slow")].count("running") == 1


def test_killed_run_raises_the_alarm(cron: Cron) -> None:
    """When the runner of a task is killed, the command ends too, the run counts as failed, and the admins get mail."""
    wait_for_slow(cron)
    index, watched = cron.kill_runner("slow")
    wait_until(lambda: not cron.is_running(index, watched), limit=10, what="the unwatched command ends")
    cron.wait_for_mail("Cron: slow: Killed: the process that ran it is gone.")
    assert cron.wait_for("slow", "failed").reason.startswith("Killed")


def test_stopping_ends_tasks_in_order(cron: Cron) -> None:
    """A container that stops asks its tasks to end, records their results, and ends soon."""
    wait_for_slow(cron)
    cron.stack.compose("stop", "cron")
    last = begun_runs(cron, "slow")[-1]
    assert (last.state, last.reason) == ("failed", "Stopped: its container was stopped.")
    assert "tidied up" in last.output
    assert cron.stack.compose("ps", "--all", "--format", "{{.ExitCode}}", "cron").split() == ["0", "0"]


def test_missed_daily_task_runs_soon_after(cron: Cron, report: Report) -> None:
    """Runs due while cron was down are reported, and a daily task runs within two minutes."""
    cron.stack.compose("stop", "cron")
    # The stack may have been there at the time of today's run.
    cron.stack.query("delete from cron_runs_cronrun where task = 'clearsessions' and state <> 'scheduled'")
    yesterday = "update cron_runs_cronrun set scheduled_for = scheduled_for - interval '1 day'"
    cron.stack.query(f"{yesterday} where task = 'clearsessions' and state = 'scheduled'")
    started = time.monotonic()
    cron.stack.compose("up", "-d", "--wait", "--scale", "cron=2", "cron")
    last = cron.wait_for("clearsessions", "succeeded", limit=120)
    seconds = time.monotonic() - started
    report(f"a missed daily task has run {seconds:.0f} s after cron's start (at most 120)")
    assert seconds < 120
    assert last.reason.startswith("Instead of the run of ")
    assert [run.state for run in cron.runs("clearsessions")] == ["missed", "succeeded"]
    cron.wait_for_mail("Cron: clearsessions: Missed. It was not started when it was due; it runs now.")


def test_production_image_has_the_programs_of_tasks(stack: Stack) -> None:
    """The image for DEV and PROD has the crontab, its tasks and their programs, a numeric user, and no tests."""
    image = f"{stack.project}-cron:production"
    folders = (f"--build-context={name}={stack.directory / name}" for name in ("cron", "library"))
    run("docker", "build", "--target=cron-production", f"--tag={image}", *folders, stack.directory / "web", limit=600)
    server = stack.exec("postgres", "pg_dump", "--version")
    programs = "supercronic -test /cron/crontab && pg_dump --version && python -c 'import bedplate.backup, cronsim'"
    said = run("docker", "run", "--rm", *HARDENED, image, "sh", "-c", f"{programs} && id -u && find /cron -name tests")
    assert said == f"{server}1000\n"


def test_line_that_does_not_parse_stops_the_container(cron: Cron) -> None:
    """The log of the stopped container has the line, and its number."""
    crontab = cron.stack.directory / "cron/crontab"
    number = len(crontab.read_text().splitlines()) + 1
    cron.add_line("61 3 * * * /cron/tasks/never.sh")
    message = f"/cron/crontab, line {number}: Bad minute: 61 3 * * * /cron/tasks/never.sh"
    wait_until(lambda: message in cron.log(), limit=20, what="the log has the line")
    wait_until(lambda: 0 not in cron.restarts(), limit=20, what="the containers have stopped")
