"""The application's background tasks."""

import time
from typing import Final

from celery import shared_task
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.run_tracking import TrackedTask

STEPS: Final = 20


@shared_task(name="operations.tasks.sample", bind=True, base=TrackedTask, title=_("Sample task"))
def sample(self: TrackedTask, *, seconds: float) -> None:
    """Run for this many seconds, in steps with progress. An example for a team's own tasks."""
    for step in range(1, STEPS + 1):
        time.sleep(seconds / STEPS)
        self.progress(100 * step / STEPS, f"{step} / {STEPS}")
