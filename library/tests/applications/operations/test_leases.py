"""Runs whose worker is dead, and messages that the queue has lost."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from bedplate.django.logs import logging_configuration
from bedplate.django.operations import leases
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.worker import Leases
from celery import current_app
from django.db import OperationalError, connections
from django.utils import timezone
from kombu import Queue
from kombu.utils import json

from applications.operations import tasks
from applications.operations.conftest import empty_queue, queue_length

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
HERE, ELSEWHERE = "celery@here", "celery@elsewhere"


@pytest.fixture(autouse=True)
def queue() -> None:
    """Start with an empty queue."""
    empty_queue()


def make_run(*, due: datetime | None = NOW) -> TaskRun:
    """Return a queued run."""
    return TaskRun.objects.create(name=tasks.count.name, arguments=json.dumps(((), {"to": 1})), due=due)


def running_run(*, worker: str = HERE, alive: datetime = NOW) -> TaskRun:
    """Return a running run of a worker, last renewed at that time."""
    run = make_run()
    run.worker = worker
    assert TaskRun.objects.begin(run, now=alive)
    TaskRun.objects.filter(pk=run.pk).update(alive=alive)
    return run


def renew(*, running: Collection[str] = (), since: datetime = LONG_AGO, now: datetime = NOW) -> None:
    """Renew the leases, as the worker HERE."""
    leases.renew(worker=HERE, running=running, since=since, now=now)


def state(run: TaskRun) -> str:
    """Return the current state of the run."""
    run.refresh_from_db()
    return run.state


def test_running_runs_are_renewed() -> None:
    run = running_run(alive=NOW - timedelta(minutes=10))
    renew(running={str(run.pk)})
    assert state(run) == "running"
    assert run.alive == NOW
    assert queue_length() == 0


@pytest.mark.parametrize(
    ("worker", "silent", "connected", "expected"),
    [
        (HERE, 14, 1, "running"),  # it starts: the main process does not know it yet
        (HERE, 16, 1, "queued"),  # this worker was killed and restarted
        (ELSEWHERE, 19, 1000, "running"),
        (ELSEWHERE, 21, 1000, "queued"),
        (ELSEWHERE, 89, 89, "running"),  # all workers had lost the queue: others may be reconnecting
        (ELSEWHERE, 91, 91, "queued"),
    ],
)
def test_runs_without_a_worker_are_requeued(worker: str, silent: int, connected: int, expected: str) -> None:
    run = running_run(worker=worker, alive=NOW - timedelta(seconds=silent))
    renew(since=NOW - timedelta(seconds=connected))
    assert state(run) == expected
    assert queue_length() == (expected == "queued")


def test_after_an_error_of_the_database_a_worker_waits_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """They could not renew either, and may reconnect later."""
    monkeypatch.setattr(connections, "close_all", lambda: None)  # it is the test's own
    away = running_run(worker=ELSEWHERE, alive=timezone.now() - timedelta(seconds=30))
    parent: Any = SimpleNamespace()
    step = Leases(parent)
    step.since = timezone.now() - timedelta(days=1)
    with monkeypatch.context() as unavailable:
        unavailable.setattr(leases, "database_time", fail)
        step.renew(HERE)
    step.renew(HERE)
    assert state(away) == "running"
    step.since = timezone.now() - timedelta(days=1)
    step.renew(HERE)
    assert state(away) == "queued"


def fail() -> datetime:
    raise OperationalError("the database is away")


def test_a_lease_begins_by_the_clock_of_the_database() -> None:
    """A machine whose clock is wrong loses no run."""
    run = make_run()
    run.worker = ELSEWHERE
    assert TaskRun.objects.begin(run, now=LONG_AGO)
    run.refresh_from_db()
    assert run.alive is not None
    assert abs(run.alive - leases.database_time()) < timedelta(seconds=20)


def test_a_lost_run_is_sent_once() -> None:
    running_run(alive=LONG_AGO)
    for _ in range(3):
        renew()
    assert queue_length() == 1


def test_a_lost_run_comes_before_those_that_wait() -> None:
    running_run(alive=LONG_AGO)
    waiting = make_run(due=None)
    renew()
    sent = priorities()
    assert sent.pop(str(waiting.pk)) == 6
    assert list(sent.values()) == [0]


def priorities() -> dict[str, int]:
    """Return the priorities of the messages in the queue, by run, and remove them."""
    with current_app.connection_for_read() as broker:
        queue = Queue(tasks.QUEUE).bind(broker.default_channel)
        messages: list[Any] = list(iter(lambda: queue.get(no_ack=True), None))
        return {each.headers["id"]: each.properties["priority"] for each in messages}


def test_a_run_fails_after_its_third_loss_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    run = running_run(alive=LONG_AGO)
    TaskRun.objects.filter(pk=run.pk).update(attempts=3)
    renew()
    assert state(run) == "failed"
    assert queue_length() == 0
    (report,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert report.getMessage().endswith(f"{run.pk}: Given up: its process was killed 3 times.")


def test_reports_are_mailed_to_the_admins() -> None:
    loggers = logging_configuration(level="INFO", log_format="json", mail_admins=True)["loggers"]
    assert loggers[leases.logger.name]["handlers"] == ["mail_admins"]


def test_a_lost_run_of_an_earlier_release_fails() -> None:
    old, ancient = running_run(), running_run()
    TaskRun.objects.update(alive=None, worker="", arguments="")
    TaskRun.objects.filter(pk=ancient.pk).update(started=LONG_AGO)
    renew()
    assert (state(old), state(ancient)) == ("running", "failed")
    assert ancient.error == "Lost: its worker was killed."


@pytest.mark.parametrize(
    ("due", "sent"),
    [
        (None, 1),  # the queue was unavailable
        (NOW - timedelta(seconds=61), 1),  # the queue has lost it, or its sender was killed
        (NOW - timedelta(seconds=59), 0),
        (NOW + timedelta(seconds=61), 0),  # a retry
    ],
)
def test_a_run_without_a_message_is_sent_again(due: datetime | None, sent: int) -> None:
    run = make_run(due=due)
    renew()
    renew()
    assert (state(run), queue_length()) == ("queued", sent)


def test_a_run_behind_others_in_the_queue_is_not_sent_again() -> None:
    tasks.count.apply_async(kwargs={"to": 1})
    make_run(due=NOW - timedelta(seconds=61))
    renew()
    assert queue_length() == 1


def test_an_unknown_task_is_left_to_other_releases() -> None:
    run, known = make_run(due=None), make_run(due=None)
    TaskRun.objects.filter(pk=run.pk).update(name="a.task")
    renew()
    assert (state(run), run.due) == ("queued", None)
    assert state(known) == "queued"
    assert queue_length() == 1  # the other run's: a worker without the task would discard its message


def test_a_run_with_invalid_arguments_fails() -> None:
    run, other = make_run(due=None), make_run(due=None)
    TaskRun.objects.filter(pk=run.pk).update(arguments=json.dumps(((), {"from": 1})))
    renew()
    assert (state(run), state(other), queue_length()) == ("failed", "queued", 1)
    assert run.error.startswith("TypeError: ")


@pytest.mark.django_db(transaction=True)
def test_the_arguments_of_a_run_can_be_sent_again() -> None:
    moment = timezone.now()
    run = tasks.count.start(to=moment)
    run.refresh_from_db()
    assert json.loads(run.arguments) == [[], {"to": moment}]
    assert queue_length() == 1
