"""Tasks of a worker that is stopped (by a deploy, a restart, Ctrl-C), or killed."""

from pathlib import Path

import pytest
from bedplate.django.operations import leases
from bedplate.django.operations.models import TaskRun
from bedplate.testing.worker import LIMIT, wait_for
from django.utils import timezone

from applications.operations import tasks
from applications.operations.conftest import queue_length, running_worker

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_stopped_worker_requeues_its_task(shared_database: dict[str, str], tmp_path: Path) -> None:
    with running_worker(shared_database, tmp_path) as worker:
        run = wait_for(tasks.count.start(to=100, pause=0.5), TaskRun.State.RUNNING)
        worker.process.terminate()
        worker.process.wait(timeout=LIMIT)
    run.refresh_from_db()
    assert (run.state, run.percent, run.attempts) == (TaskRun.State.QUEUED, 0, 0)
    assert queue_length() == 1


def test_runs_of_a_killed_worker_start_again_in_the_next(shared_database: dict[str, str], tmp_path: Path) -> None:
    with running_worker(shared_database, tmp_path):
        run = wait_for(tasks.count.start(to=10, pause=0.3), TaskRun.State.RUNNING)
    TaskRun.objects.filter(pk=run.pk).update(alive=timezone.now() - leases.RESTART_GRACE_PERIOD)  # not to wait
    with running_worker(shared_database, tmp_path):
        assert wait_for(run, TaskRun.State.SUCCEEDED).attempts == 2
