"""Tasks that are mounted into a server's workers, to be killed there."""

import os
import signal
import time
from typing import Final

from bedplate.django.operations.run_tracking import TrackedTask
from celery import shared_task
from django.db import connection

DURATION: Final = 0.2  # seconds: tasks wait for workers, not workers for tasks, so that a kill finds a running one


@shared_task(bind=True, base=TrackedTask, atomic=True)
def write(self: TrackedTask, *, number: int) -> None:
    """Write a row; nothing but the task itself prevents a second one."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO written (number) VALUES (%s)", [number])
    time.sleep(DURATION)


@shared_task(bind=True, base=TrackedTask)
def die(self: TrackedTask) -> None:
    """Kill the own process, every time."""
    os.kill(os.getpid(), signal.SIGKILL)


def write_all(to: int) -> None:
    """Start this number of tasks, one after the other."""
    for number in range(to):
        write.start(number=number)
