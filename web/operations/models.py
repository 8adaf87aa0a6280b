"""What background tasks did, and are doing."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# How often a run may begin again after the process that ran it was killed.
MAX_REDELIVERIES: Final = 3


class TaskRunQuerySet(models.QuerySet["TaskRun"]):
    """Runs, and the ways from one state to the next. What has ended stays as it ended: the first result counts."""

    def visible_to(self, user: Any) -> "TaskRunQuerySet":
        """Return the runs that the user may see: their own; for staff, all."""
        return self if user.is_staff else self.filter(requested_by=user)

    def unfinished(self) -> "TaskRunQuerySet":
        """Return the runs that wait or run."""
        return self.filter(state__in=TaskRun.UNFINISHED)

    def begin(self, pk: str, *, name: str, retries: int, now: datetime) -> bool:
        """Record that a run begins, and return whether it may: not once it has ended or was killed too often.

        `retries` are the beginnings that the task asked for itself, after an error of its own.
        """
        run, _created = self.get_or_create(pk=pk, defaults={"name": name})
        if not run.unfinished:
            return False
        if run.attempts - retries > MAX_REDELIVERIES:
            error = gettext("Given up: its process was killed %(count)d times.") % {"count": run.attempts}
            self.fail(pk, error, now=now)
            return False
        self._change(pk, state=TaskRun.State.RUNNING, attempts=F("attempts") + 1, started=now, percent=0, message="")
        return True

    def report(self, pk: str, percent: int, message: str) -> None:
        """Record how far a running run is."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(percent=percent, message=message)

    def put_back(self, pk: str, *, attempts: int = 0) -> None:
        """Record that a run waits again. `attempts=-1`: that it stopped was not its own doing, and does not count."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(
            state=TaskRun.State.QUEUED, attempts=F("attempts") + attempts, percent=0, message=""
        )

    def succeed(self, pk: str, *, now: datetime) -> None:
        """Record that a run has done what it should."""
        self._change(pk, state=TaskRun.State.SUCCEEDED, percent=100, finished=now)

    def fail(self, pk: Any, error: str, *, now: datetime) -> None:
        """Record that a run has ended, and why."""
        self._change(pk, state=TaskRun.State.FAILED, error=error, finished=now)

    def fail_lost(self, *, now: datetime, after: timedelta | None = None) -> int:
        """Return how many running runs failed, because nothing has run them for so long that nothing will.

        A run whose worker died begins again after the visibility timeout; `after` is twice that, unless given.
        """
        after = timedelta(seconds=2 * settings.CELERY_VISIBILITY_TIMEOUT) if after is None else after
        lost = self.filter(state=TaskRun.State.RUNNING, started__lt=now - after)
        return lost.update(state=TaskRun.State.FAILED, error=gettext("Lost: its worker was killed."), finished=now)

    def _change(self, pk: Any, **fields: Any) -> None:
        self.unfinished().filter(pk=pk).update(**fields)


class TaskRun(models.Model):
    """One run of a background task; its key is also the id of the Celery task."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    UNFINISHED = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=255)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.QUEUED)
    percent = models.PositiveSmallIntegerField(_("percent"), default=0)
    message = models.CharField(_("message"), max_length=255, blank=True)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    started = models.DateTimeField(_("started"), null=True)
    finished = models.DateTimeField(_("finished"), null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        verbose_name=_("requested by"),
        related_name="task_runs",
        db_index=False,  # the index below begins with it
    )

    objects = TaskRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("task run")
        verbose_name_plural = _("task runs")
        ordering = ("-created",)
        indexes = (
            models.Index(fields=["requested_by", "-created"], name="task_run_requested_by"),
            models.Index(fields=["-created"], name="task_run_created"),
            models.Index(fields=["started"], name="task_run_running", condition=Q(state="running")),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "succeeded", "failed"]), name="task_run_state_is_known"
            ),
            models.CheckConstraint(condition=Q(percent__lte=100), name="task_run_percent_at_most_100"),
            models.CheckConstraint(
                condition=Q(state__in=["succeeded", "failed"], finished__isnull=False)
                | Q(state__in=["queued", "running"], finished__isnull=True),
                name="task_run_finished_when_it_has_ended",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.id}"

    @property
    def unfinished(self) -> bool:
        """Whether the run waits or runs."""
        return self.state in self.UNFINISHED
