"""Tasks that are mounted into the workers of a server, to be killed there."""

import os
import signal
import time
from typing import Final

from bedplate.django.operations.recorded import RecordedTask
from celery import shared_task
from django.db import connection

DURATION: Final = 0.2  # seconds: tasks wait for workers, and not workers for tasks, so that a kill finds one at work


@shared_task(bind=True, base=RecordedTask, atomic=True)
def write(self: RecordedTask, *, number: int) -> None:
    """Write a row, which nothing but the task itself keeps from being written twice."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO written (number) VALUES (%s)", [number])
    time.sleep(DURATION)


@shared_task(bind=True, base=RecordedTask)
def die(self: RecordedTask) -> None:
    """Die, every time."""
    os.kill(os.getpid(), signal.SIGKILL)


def write_all(to: int) -> None:
    """Start so many tasks, one after the other."""
    for number in range(to):
        write.start(number=number)
