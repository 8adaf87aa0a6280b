"""What becomes of runs whose worker is gone, and of messages that the queue has lost."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from bedplate.django.logs import logging_configuration
from bedplate.django.operations import leases
from bedplate.django.operations.models import TaskRun
from django.utils import timezone
from kombu.utils import json

from applications.operations import tasks
from applications.operations.conftest import empty_queue, queue_length

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
HERE, ELSEWHERE = "celery@here", "celery@elsewhere"


@pytest.fixture(autouse=True)
def queue() -> None:
    """Begin with an empty queue."""
    empty_queue()


def make_run(*, due: datetime | None = NOW) -> TaskRun:
    """Return a run that waits."""
    return TaskRun.objects.create(name=tasks.count.name, arguments=json.dumps(((), {"to": 1})), due=due)


def begun(*, worker: str = HERE, alive: datetime = NOW) -> TaskRun:
    """Return a run that a worker has begun, and said so at that time for the last time."""
    run = make_run()
    run.worker = worker
    assert TaskRun.objects.begin(run, now=alive)
    return run


def keep(*, running: Collection[str] = (), since: datetime = LONG_AGO, now: datetime = NOW) -> None:
    """Look, as the worker that is here."""
    leases.keep(worker=HERE, running=running, since=since, now=now)


def state(run: TaskRun) -> str:
    """Return its state."""
    run.refresh_from_db()
    return run.state


def test_what_runs_here_is_renewed() -> None:
    run = begun(alive=NOW - timedelta(minutes=10))
    keep(running={str(run.pk)})
    assert state(run) == "running"
    assert run.alive == NOW
    assert queue_length() == 0


@pytest.mark.parametrize(
    ("worker", "silent", "connected", "expected"),
    [
        (HERE, 14, 1, "running"),  # it begins: the main process has not heard of it yet
        (HERE, 16, 1, "queued"),  # this worker was killed, and is back
        (ELSEWHERE, 89, 1000, "running"),
        (ELSEWHERE, 91, 1000, "queued"),
        (ELSEWHERE, 91, 89, "running"),  # all had lost the queue: others may be about to be back
    ],
)
def test_what_nobody_runs_is_queued_again(worker: str, silent: int, connected: int, expected: str) -> None:
    run = begun(worker=worker, alive=NOW - timedelta(seconds=silent))
    keep(since=NOW - timedelta(seconds=connected))
    assert state(run) == expected
    assert queue_length() == (expected == "queued")


def test_a_lost_run_is_sent_once() -> None:
    begun(alive=LONG_AGO)
    for _ in range(3):
        keep()
    assert queue_length() == 1


def test_the_third_loss_of_a_run_is_the_last_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    run = begun(alive=LONG_AGO)
    TaskRun.objects.filter(pk=run.pk).update(attempts=3)
    keep()
    assert state(run) == "failed"
    assert queue_length() == 0
    (report,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert report.getMessage().endswith(f"{run.pk}: Given up: its process was killed 3 times.")


def test_reports_are_mailed_to_the_admins() -> None:
    loggers = logging_configuration(level="INFO", log_format="json", mail_admins=True)["loggers"]
    assert loggers[leases.logger.name]["handlers"] == ["mail_admins"]


def test_a_run_of_an_earlier_release_fails_when_nobody_can_have_it() -> None:
    old, ancient = begun(), begun()
    TaskRun.objects.update(alive=None, worker="", arguments="")
    TaskRun.objects.filter(pk=ancient.pk).update(started=LONG_AGO)
    keep()
    assert (state(old), state(ancient)) == ("running", "failed")
    assert ancient.error == "Lost: its worker was killed."


@pytest.mark.parametrize(
    ("due", "sent"),
    [
        (None, 1),  # the queue was out of reach
        (NOW - timedelta(seconds=61), 1),  # the queue has lost it, or the process that would have sent it was killed
        (NOW - timedelta(seconds=59), 0),
        (NOW + timedelta(seconds=61), 0),  # a retry
    ],
)
def test_a_run_in_no_queue_is_sent_again(due: datetime | None, sent: int) -> None:
    run = make_run(due=due)
    keep()
    keep()
    assert (state(run), queue_length()) == ("queued", sent)


def test_a_run_with_others_before_it_is_not_sent_again() -> None:
    tasks.count.apply_async(kwargs={"to": 1})
    make_run(due=NOW - timedelta(seconds=61))
    keep()
    assert queue_length() == 1


def test_a_task_that_this_release_does_not_have_is_left_to_others() -> None:
    run, known = make_run(due=None), make_run(due=None)
    TaskRun.objects.filter(pk=run.pk).update(name="a.task")
    keep()
    assert (state(run), run.due) == ("queued", None)
    assert state(known) == "queued"
    assert queue_length() == 1  # of the other run: a worker that does not have the task would throw its message away


def test_a_run_that_does_not_fit_its_task_any_more_fails() -> None:
    run, other = make_run(due=None), make_run(due=None)
    TaskRun.objects.filter(pk=run.pk).update(arguments=json.dumps(((), {"from": 1})))
    keep()
    assert (state(run), state(other), queue_length()) == ("failed", "queued", 1)
    assert run.error.startswith("TypeError: ")


@pytest.mark.django_db(transaction=True)
def test_what_a_run_is_given_can_be_given_again() -> None:
    moment = timezone.now()
    run = tasks.count.start(to=moment)
    run.refresh_from_db()
    assert json.loads(run.arguments) == [[], {"to": moment}]
    assert queue_length() == 1
