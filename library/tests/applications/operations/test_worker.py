"""A real worker with real tasks, on the broker and the database of the environment."""

import pytest
from bedplate.django.operations import heartbeat
from bedplate.django.operations.models import TaskRun
from bedplate.testing.worker import Worker, wait_for, wait_until
from celery.exceptions import Ignore
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from structlog.contextvars import bound_contextvars
from users.models import User

from applications.operations import tasks
from applications.operations.conftest import database_unavailable

# Real commits, visible to another process. pytest-django creates a database only for tests with this mark.
pytestmark = pytest.mark.django_db(transaction=True)

SUCCEEDED, FAILED = TaskRun.State.SUCCEEDED, TaskRun.State.FAILED


def test_runs_are_recorded_whatever_their_result(worker: Worker) -> None:
    counted = tasks.count.start(to=4)
    broken = tasks.raise_error.start()
    slow = tasks.exceed_time_limit.start(stubborn=False)
    stubborn = tasks.exceed_time_limit.start(stubborn=True)
    retried = tasks.succeed_at_the_last_retry.start()

    wait_for(counted, SUCCEEDED)
    assert (counted.percent, counted.message, counted.attempts, counted.error) == (100, "4 of 4", 1, "")
    assert counted.started
    assert counted.finished
    assert counted.created <= counted.started <= counted.finished

    wait_for(broken, FAILED)
    assert (broken.percent, broken.error) == (30, "ValueError: no such customer")

    for run in (slow, stubborn):
        assert wait_for(run, FAILED).error == "Stopped: it ran longer than its time limit."

    assert wait_for(retried, SUCCEEDED).attempts == 6


def test_a_task_whose_process_is_killed_runs_again(worker: Worker) -> None:
    run = wait_for(tasks.kill_first_process.start(), SUCCEEDED)
    assert (run.attempts, run.percent, run.error) == (2, 100, "")


def test_a_task_that_kills_every_process_fails_and_is_reported(worker: Worker) -> None:
    run = wait_for(tasks.kill_every_process.start(), FAILED)
    assert (run.attempts, run.error) == (3, "Given up: its process was killed 3 times.")
    wait_until(lambda: [line for line in worker.lines() if line["level"] == "error" and str(run.pk) in line["event"]])


@pytest.mark.parametrize(("die", "attempts"), [("", 1), ("before", 2), ("after", 1)])
def test_an_atomic_task_writes_once(worker: Worker, die: str, attempts: int) -> None:
    email = f"die-{die}@example.org"
    run = wait_for(tasks.add_user.start(email=email, die=die), SUCCEEDED)
    wait_for(tasks.count.start(to=1), SUCCEEDED)  # by then a redelivered task would have run
    run.refresh_from_db()
    assert (run.state, run.attempts, run.percent) == (SUCCEEDED, attempts, 100)
    assert User.objects.filter(email=email).count() == 1


def test_an_atomic_task_that_succeeded_elsewhere_writes_nothing(user: User) -> None:
    run = TaskRun.objects.create(name=tasks.add_user.name)
    tasks.add_user.push_request(id=str(run.pk), called_directly=False)
    TaskRun.objects.succeed(str(run.pk), now=timezone.now())
    with pytest.raises(Ignore):
        tasks.add_user(email="late@example.org")
    tasks.add_user.pop_request()
    assert not User.objects.filter(email="late@example.org").exists()


def test_the_log_of_a_task_has_the_id_of_its_request(worker: Worker) -> None:
    with bound_contextvars(request_id="request-1"):
        run = tasks.count.start(to=1)
    wait_for(run, SUCCEEDED)
    counted = [
        line["request_id"] for line in worker.lines() if line["event"] == "Counted" and line["task_id"] == str(run.pk)
    ]
    assert counted == ["request-1"]


def test_a_finished_run_does_not_start_again(worker: Worker) -> None:
    run = wait_for(tasks.count.start(to=1), SUCCEEDED)
    tasks.raise_error.apply_async(task_id=str(run.pk))
    wait_until(lambda: any(line["event"].startswith("Run not started") for line in worker.lines()))
    run.refresh_from_db()
    assert (run.state, run.attempts) == (SUCCEEDED, 1)


def test_a_task_called_by_delay_is_recorded_at_its_start(worker: Worker) -> None:
    result = tasks.count.delay(to=1)
    wait_until(lambda: TaskRun.objects.filter(pk=result.id, state=SUCCEEDED).exists())


def test_a_task_without_a_database_is_requeued(worker: Worker) -> None:
    wait_for(tasks.count.start(to=1), SUCCEEDED)  # no other task runs
    with database_unavailable():
        queued = tasks.count.delay(to=1)
        wait_until(lambda: unwritten(worker, queued.id) >= 2)  # again after it was requeued
    wait_until(lambda: TaskRun.objects.filter(pk=queued.id, state=SUCCEEDED).exists())
    assert TaskRun.objects.get(pk=queued.id).attempts == 1


def unwritten(worker: Worker, task_id: str) -> int:
    """Return how often the worker failed to record the start of the task."""
    event = "The state of a task's run could not be written"
    return [line.get("task_id") for line in worker.lines() if line["event"] == event].count(task_id)


@pytest.mark.skipif(settings.ENVIRONMENT.embedded, reason="the cache of embedded mode is each process's own")
def test_a_worker_sends_heartbeats(worker: Worker) -> None:
    cache.delete(heartbeat.key("worker"))
    wait_until(lambda: heartbeat.silence("worker") is not None)


def test_a_worker_touches_its_heartbeat_file_while_it_works(worker: Worker) -> None:
    wait_until(lambda: worker.heartbeat.stat().st_mtime > 0)
