"""The application's background tasks."""

import time
from typing import Final

from celery import shared_task

from bedplate.django.operations.recorded import RecordedTask

STEPS: Final = 20


@shared_task(name="operations.tasks.sample", bind=True, base=RecordedTask)
def sample(self: RecordedTask, *, seconds: float) -> None:
    """Take the seconds given, in steps: how a long task tells how far it is. A team's own tasks start from here."""
    for step in range(1, STEPS + 1):
        time.sleep(seconds / STEPS)
        self.progress(100 * step / STEPS, f"{step} / {STEPS}")
