"""What becomes of a run whose worker cannot reach the database, or the queue."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bedplate.django.operations import recorded
from bedplate.django.operations.models import TaskRun
from celery.exceptions import Ignore, Reject
from config.celery import app
from django.db import Error, connection
from django.utils import timezone
from kombu.utils import json

from applications.operations import tasks
from applications.operations.conftest import empty_queue, queue_length

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing; return how long each pause would have been."""
    pauses: list[float] = []
    monkeypatch.setattr(recorded, "PATIENCE", (1, 4, 15))
    monkeypatch.setattr("bedplate.django.operations.recorded.time.sleep", pauses.append)
    return pauses


def without_database[Result](action: Callable[[], Result]) -> Result:
    """Return what the action returns in a thread whose database does not exist."""

    def act() -> Result:
        connection.settings_dict = {**connection.settings_dict, "NAME": "/nowhere/database"}
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


def begin(run: TaskRun, **request: Any) -> None:
    """Begin the run, as a worker that has its message."""
    tasks.count.push_request(**{"id": str(run.pk), "hostname": "celery@here", "retries": 0} | request)
    try:
        tasks.count.before_start(str(run.pk), (), {"to": 1})
    finally:
        tasks.count.pop_request()


def make_run() -> TaskRun:
    """Return a run that waits."""
    return TaskRun.objects.create(name=tasks.count.name, arguments=json.dumps(((), {"to": 1})), due=timezone.now())


def test_a_run_goes_back_into_the_queue_while_the_database_is_away(
    at_once: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """It is not lost: the worker that gets the message next may find the database."""
    run = make_run()
    with pytest.raises(Reject) as rejected:
        without_database(lambda: begin(run))
    assert vars(rejected.value)["requeue"] is True
    assert at_once == [1, 4, 15]
    assert "could not be written" in caplog.text
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 0)


def test_a_run_begins_when_the_database_is_back(at_once: list[float]) -> None:
    run = make_run()
    begin(run)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.worker, at_once) == ("running", 1, "celery@here", [])


def test_a_run_that_has_begun_elsewhere_is_left_alone() -> None:
    run = make_run()
    begin(run)
    with pytest.raises(Ignore):
        begin(run)
    begin(run, retries=1)  # which the task asked for itself
    run.refresh_from_db()
    assert (run.attempts, run.retries) == (2, 1)


@pytest.mark.parametrize(("failures", "result"), [(0, "written"), (3, "written"), (4, None)])
def test_writing_is_tried_four_times(failures: int, result: str | None) -> None:
    tries = []

    def write() -> str:
        tries.append("")
        if len(tries) <= failures:
            raise Error
        return "written"

    assert recorded.record(write) == result
    assert len(tries) == min(failures + 1, 4)


def test_a_run_waits_for_a_queue_that_is_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is due at an unknown time until a worker, which has the queue back, sends it."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    empty_queue()
    with monkeypatch.context() as away:
        away.setattr(app.amqp, "send_task_message", refuse)
        run = tasks.count.start(to=1)
    run.refresh_from_db()
    assert (run.state, run.due, queue_length()) == ("queued", None, 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
