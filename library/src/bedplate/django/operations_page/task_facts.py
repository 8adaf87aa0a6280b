"""The background tasks that run, wait and have failed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedplate.django.operations.models import TaskRun

SHOWN: Final = 10  # runs of each kind
FAILED_SINCE: Final = timedelta(days=7)
RECENT: Final = timedelta(days=1)
LONG_WAIT: Final = timedelta(minutes=5)

COLUMNS: Final = """
    id, name, state, percent, message, error, created, started, finished, due, attempts, arguments <> '' AS can_retry,
    COUNT(*) OVER () AS total, SUM(CASE WHEN finished > %s THEN 1 ELSE 0 END) OVER () AS recent
"""
# One query for all three: each part reads a partial index of its state.
QUERY: Final = f"""
SELECT * FROM (
    SELECT {COLUMNS} FROM operations_taskrun WHERE state = 'running' ORDER BY started LIMIT {SHOWN}
) AS running
UNION ALL SELECT * FROM (
    SELECT {COLUMNS} FROM operations_taskrun WHERE state = 'queued' ORDER BY created LIMIT {SHOWN}
) AS queued
UNION ALL SELECT * FROM (
    SELECT {COLUMNS} FROM operations_taskrun WHERE state = 'failed' AND finished > %s
    ORDER BY finished DESC LIMIT {SHOWN}
) AS failed
"""  # noqa: S608 - constants only


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The first runs in a state, and the number of all."""

    state: str
    total: int
    recent: int
    """How many of them have finished in the last day."""
    runs: tuple[TaskRun, ...]

    @property
    def title(self) -> str:
        """The title in the current language."""
        titles = {"running": _("Running"), "queued": _("Waiting"), "failed": _("Failed in the last 7 days")}
        return titles[self.state]

    @property
    def more(self) -> int:
        """The number of runs that are not in the list."""
        return self.total - len(self.runs)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The runs of background tasks, at a time."""

    now: datetime
    running: Runs
    queued: Runs
    failed: Runs
    can_cancel_running: bool
    """False in embedded mode: its worker takes no commands."""

    @property
    def kinds(self) -> tuple[Runs, ...]:
        """The runs by their state."""
        return self.running, self.queued, self.failed

    @property
    def oldest_wait(self) -> float:
        """The seconds for which the first run in the queue has waited after it was due; 0 if none waits."""
        waits = [(self.now - (run.due or run.created)).total_seconds() for run in self.queued.runs]
        return max([0.0, *waits])

    def problems(self) -> list[str]:
        """Return sentences about tasks that fail or wait for too long."""
        found = []
        if failed := self.failed.recent:
            found.append(
                ngettext("%(count)d task failed in the last day.", "%(count)d tasks failed in the last day.", failed)
                % {"count": failed}
            )
        if self.oldest_wait > LONG_WAIT.total_seconds():
            minutes = int(self.oldest_wait // 60)
            found.append(_("A task has waited for %(minutes)d minutes.") % {"minutes": minutes})
        return found


def gather_tasks() -> Tasks:
    """Return the runs, with one query."""
    now = timezone.now()
    day, week = now - RECENT, now - FAILED_SINCE
    found: list[Any] = list(TaskRun.objects.raw(QUERY, [day, day, day, week]))
    return Tasks(
        now=now,
        running=runs("running", found),
        queued=runs("queued", found),
        failed=runs("failed", found),
        can_cancel_running=settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL,
    )


def runs(state: str, found: list[Any]) -> Runs:
    """Return the runs in the state."""
    mine = tuple(run for run in found if run.state == state)
    first = mine[0] if mine else None
    return Runs(state=state, total=first.total if first else 0, recent=int(first.recent) if first else 0, runs=mine)
