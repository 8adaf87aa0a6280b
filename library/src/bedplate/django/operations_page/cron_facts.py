"""The tasks of cron: last run, duration, next run, and the last 30."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.conf import settings
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from bedplate.django.cron_runs.models import CronRun

SHOWN: Final = 30
FIELDS: Final = ("task", "state", "scheduled_for", "started", "finished", "reason")
# Cron handles a run within half a minute of its time.
OVERDUE_AFTER: Final = timedelta(minutes=2)

State = CronRun.State
BAD: Final = {State.FAILED, State.MISSED}
PENDING: Final = {State.SCHEDULED, State.RUNNING}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a task."""

    state: str
    scheduled_for: datetime
    started: datetime | None
    finished: datetime | None
    reason: str

    @property
    def state_label(self) -> str:
        """The state in the current language."""
        return str(State(self.state).label)

    @property
    def seconds(self) -> float | None:
        """The duration; None if it has not ended, or never started."""
        return (self.finished - self.started).total_seconds() if self.started and self.finished else None

    @property
    def is_bad(self) -> bool:
        """Whether it failed or was missed."""
        return self.state in BAD


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task of cron."""

    name: str
    last: Run | None
    running: Run | None
    next_time: datetime | None
    is_overdue: bool
    strip: tuple[Run, ...]
    """The last runs, the oldest first."""

    @property
    def summary(self) -> str:
        """The last runs in words, for people who do not see the strip."""
        counts = {"count": len(self.strip), "bad": sum(run.is_bad for run in self.strip)}
        return _("The last %(count)d runs: %(bad)d failed or missed") % counts

    def problems(self) -> list[str]:
        """Return a sentence if the last run failed, or the next one is overdue."""
        if self.is_overdue:
            return [_("The cron task %(task)s is overdue.") % {"task": self.name}]
        if self.last and self.last.is_bad:
            return [
                _("The last run of the cron task %(task)s: %(state)s.")
                % {"task": self.name, "state": self.last.state_label.lower()}
            ]
        return []


@dataclass(frozen=True, kw_only=True)
class Cron:
    """The tasks of cron."""

    tasks: tuple[Task, ...]
    exists: bool
    """False in embedded mode."""

    def problems(self) -> list[str]:
        """Return the problems of all tasks."""
        return [problem for task in self.tasks for problem in task.problems()]


def gather_cron() -> Cron:
    """Return the tasks of cron, with one query."""
    if settings.ENVIRONMENT.embedded:
        return Cron(tasks=(), exists=False)
    rank = Window(RowNumber(), partition_by="task", order_by=F("scheduled_for").desc())
    ranked = CronRun.objects.annotate(rank=rank).filter(rank__lte=SHOWN + len(PENDING))
    rows = ranked.order_by("task", "-scheduled_for").values(*FIELDS)
    now = timezone.now()
    tasks = [task(name, list(mine), now=now) for name, mine in groupby(rows, key=lambda row: str(row["task"]))]
    return Cron(tasks=tuple(tasks), exists=True)


def task(name: str, rows: list[dict[str, Any]], *, now: datetime) -> Task:
    """Return a task from its runs, the newest first."""
    runs = [Run(**{field: value for field, value in row.items() if field != "task"}) for row in rows]
    ended = [run for run in runs if run.state not in PENDING]
    next_time = min((run.scheduled_for for run in runs if run.state == State.SCHEDULED), default=None)
    return Task(
        name=name,
        last=ended[0] if ended else None,
        running=next((run for run in runs if run.state == State.RUNNING), None),
        next_time=next_time,
        is_overdue=next_time is not None and now - next_time > OVERDUE_AFTER,
        strip=tuple(reversed(ended[:SHOWN])),
    )
