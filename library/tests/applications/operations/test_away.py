"""Runs while the database or the queue is unavailable."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bedplate.django.operations import run_tracking
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
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace `time.sleep`; return the list of pauses."""
    pauses: list[float] = []
    monkeypatch.setattr(run_tracking, "RETRY_DELAYS", (1, 4, 15))
    monkeypatch.setattr("bedplate.django.operations.run_tracking.time.sleep", pauses.append)
    return pauses


def without_database[Result](action: Callable[[], Result]) -> Result:
    """Return the result of the action in a thread whose database does not exist."""

    def act() -> Result:
        connection.settings_dict = {**connection.settings_dict, "NAME": "/nowhere/database"}
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(act).result()


def begin(run: TaskRun, **request: Any) -> None:
    """Start the run, like a worker that has its message."""
    tasks.count.push_request(**{"id": str(run.pk), "hostname": "celery@here", "retries": 0} | request)
    try:
        tasks.count.before_start(str(run.pk), (), {"to": 1})
    finally:
        tasks.count.pop_request()


def make_run() -> TaskRun:
    """Return a queued run."""
    return TaskRun.objects.create(name=tasks.count.name, arguments=json.dumps(((), {"to": 1})), due=timezone.now())


def test_a_run_is_requeued_while_the_database_is_unavailable(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """The run is not lost: the next worker with the message may reach the database."""
    run = make_run()
    with pytest.raises(Reject) as rejected:
        without_database(lambda: begin(run))
    assert vars(rejected.value)["requeue"] is True
    assert pauses == [1, 4, 15]
    assert "could not be written" in caplog.text
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 0)


def test_a_run_starts_once_the_database_is_available(pauses: list[float]) -> None:
    run = make_run()
    begin(run)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.worker, pauses) == ("running", 1, "celery@here", [])


def test_a_run_that_runs_elsewhere_is_ignored() -> None:
    run = make_run()
    begin(run)
    with pytest.raises(Ignore):
        begin(run)
    begin(run, retries=1)  # the task's own retry
    run.refresh_from_db()
    assert (run.attempts, run.retries) == (2, 1)


@pytest.mark.parametrize(("failures", "result"), [(0, "written"), (3, "written"), (4, None)])
def test_a_write_is_tried_four_times(failures: int, result: str | None) -> None:
    tries = []

    def write() -> str:
        tries.append("")
        if len(tries) <= failures:
            raise Error
        return "written"

    assert run_tracking.write_state(write) == result
    assert len(tries) == min(failures + 1, 4)


def test_a_run_waits_for_an_unavailable_queue(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its due time is unknown until a worker with a connection to the queue sends it."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    empty_queue()
    with monkeypatch.context() as patched:
        patched.setattr(app.amqp, "send_task_message", refuse)
        run = tasks.count.start(to=1)
    run.refresh_from_db()
    assert (run.state, run.due, queue_length()) == ("queued", None, 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
