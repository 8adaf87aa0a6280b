"""Tasks for the tests of the worker, on a queue of their own: another worker may listen to the usual one."""

import logging
import os
import signal
import time
from functools import partial
from typing import Final

from bedplate.django.operations import recorded
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.recorded import RecordedTask
from celery import shared_task
from config.celery import app
from django.db import transaction
from users.models import User

QUEUE: Final = "tests"
if "SHORT_PATIENCE" in os.environ:  # in the worker of the tests, whose database is away for a moment
    recorded.PATIENCE = (0.1,)  # type: ignore[misc] # no one else changes it
app.conf.task_routes = {f"{__name__}.*": {"queue": QUEUE}}


@shared_task(bind=True, base=RecordedTask)
def count(self: RecordedTask, *, to: int, pause: float = 0) -> None:
    """Count, and tell how far it is."""
    for number in range(1, to + 1):
        time.sleep(pause)
        self.progress(100 * number / to, f"{number} of {to}")
    logging.getLogger(__name__).info("Counted")


@shared_task(bind=True, base=RecordedTask)
def break_down(self: RecordedTask) -> None:
    """Fail."""
    self.progress(30)
    raise ValueError("no such\0 customer")


@shared_task(bind=True, base=RecordedTask)
def kill_first_process(self: RecordedTask) -> None:
    """End like a task whose memory has run out, the first time."""
    self.progress(10)
    if TaskRun.objects.get(pk=str(self.request.id)).attempts == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, base=RecordedTask)
def kill_every_process(self: RecordedTask) -> None:
    """End like a task that needs more memory than there is."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, base=RecordedTask, atomic=True)
def add_user(self: RecordedTask, *, email: str, die: str = "") -> None:
    """Write a row; the first time, die before the end, if told to; or after it."""
    User.objects.create_user(email)
    self.progress(50)
    if die and TaskRun.objects.get(pk=str(self.request.id)).attempts == 1:
        end = partial(os.kill, os.getpid(), signal.SIGKILL)
        end() if die == "before" else transaction.on_commit(end)


@shared_task(bind=True, base=RecordedTask, max_retries=5)
def succeed_at_the_last_retry(self: RecordedTask) -> None:
    """Fail as often as it may be tried again."""
    if self.request.retries < 5:
        raise self.retry(countdown=0)


@shared_task(bind=True, base=RecordedTask, soft_time_limit=1, time_limit=2)
def outstay(self: RecordedTask, *, stubborn: bool) -> None:
    """Run for longer than allowed; if stubborn, go on after the warning."""
    try:
        time.sleep(30)
    except Exception:
        if not stubborn:
            raise
        time.sleep(30)
