"""Tasks for the tests of the worker, on their own queue: another worker may use the default one."""

import logging
import os
import signal
import time
from functools import partial
from typing import Final

from bedplate.django.operations import run_tracking
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.run_tracking import TrackedTask
from celery import shared_task
from config.celery import app
from django.db import transaction
from users.models import User

QUEUE: Final = "tests"
if "SHORT_RETRY_DELAYS" in os.environ:  # in the tests' worker, whose database is unavailable for a moment
    run_tracking.RETRY_DELAYS = (0.1,)  # type: ignore[misc] # for tests only
app.conf.task_routes = {f"{__name__}.*": {"queue": QUEUE}}


@shared_task(bind=True, base=TrackedTask)
def count(self: TrackedTask, *, to: int, pause: float = 0) -> None:
    """Count, with progress."""
    for number in range(1, to + 1):
        time.sleep(pause)
        self.progress(100 * number / to, f"{number} of {to}")
    logging.getLogger(__name__).info("Counted")


@shared_task(bind=True, base=TrackedTask)
def raise_error(self: TrackedTask) -> None:
    """Fail."""
    self.progress(30)
    raise ValueError("no such\0 customer")


@shared_task(bind=True, base=TrackedTask)
def kill_first_process(self: TrackedTask) -> None:
    """Die like a task that runs out of memory, on the first attempt."""
    self.progress(10)
    if TaskRun.objects.get(pk=str(self.request.id)).attempts == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, base=TrackedTask)
def kill_every_process(self: TrackedTask) -> None:
    """Die like a task that always runs out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, base=TrackedTask, atomic=True)
def add_user(self: TrackedTask, *, email: str, die: str = "") -> None:
    """Write a row; depending on `die`, die before or after the commit, on the first attempt."""
    User.objects.create_user(email)
    self.progress(50)
    if die and TaskRun.objects.get(pk=str(self.request.id)).attempts == 1:
        end = partial(os.kill, os.getpid(), signal.SIGKILL)
        end() if die == "before" else transaction.on_commit(end)


@shared_task(bind=True, base=TrackedTask, max_retries=5)
def succeed_at_the_last_retry(self: TrackedTask) -> None:
    """Fail until the last retry."""
    if self.request.retries < 5:
        raise self.retry(countdown=0)


@shared_task(bind=True, base=TrackedTask, soft_time_limit=1, time_limit=2)
def exceed_time_limit(self: TrackedTask, *, stubborn: bool) -> None:
    """Run longer than the time limit; if stubborn, ignore the soft limit."""
    try:
        time.sleep(30)
    except Exception:
        if not stubborn:
            raise
        time.sleep(30)
