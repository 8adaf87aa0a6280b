"""What background tasks did, and are doing."""

import uuid
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# So often a run may begin whose process is killed each time.
MAX_TRIES: Final = 3


class TaskRunQuerySet(models.QuerySet["TaskRun"]):
    """Runs, and the ways from one state to the next. What has ended stays as it ended: the first result counts."""

    def visible_to(self, user: Any) -> "TaskRunQuerySet":
        """Return the runs that the user may see: their own; for staff, all."""
        return self if user.is_staff else self.filter(requested_by=user)

    def unfinished(self) -> "TaskRunQuerySet":
        """Return the runs that wait or run."""
        return self.filter(state__in=TaskRun.UNFINISHED)

    def begin(self, run: "TaskRun", *, now: datetime) -> bool:
        """Record that its worker begins the run, and return whether it may: not if it runs elsewhere, or has ended.

        A message comes more than once when a worker dies, or Valkey forgets that it was handed out. A try that the task
        asked for itself may be here before the last one has recorded its end.
        """
        self.get_or_create(pk=run.pk, defaults={"name": run.name, "due": now})
        may_begin = Q(state=TaskRun.State.QUEUED, retries__lte=run.retries)
        may_begin |= Q(state=TaskRun.State.RUNNING, retries__lt=run.retries)
        claimed = self.filter(may_begin, pk=run.pk).update(
            state=TaskRun.State.RUNNING,
            attempts=F("attempts") + 1,
            arguments=run.arguments,
            retries=run.retries,
            worker=run.worker,
            started=now,
            alive=now,
            percent=0,
            message="",
        )
        return claimed == 1

    def report(self, pk: str, percent: int, message: str) -> None:
        """Record how far a running run is."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(percent=percent, message=message)

    def put_back(self, pk: Any, *, attempts: int = 0) -> None:
        """Record that a run waits again. `attempts=-1`: that it stopped was not its own doing, and does not count."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(
            state=TaskRun.State.QUEUED, attempts=F("attempts") + attempts, percent=0, message=""
        )

    def put_off(self, pk: str, *, retries: int, due: datetime) -> None:
        """Record that a run waits for the try after that with this number; unless that one has begun already."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING, retries=retries).update(
            state=TaskRun.State.QUEUED, retries=retries + 1, due=due, percent=0, message=""
        )

    def lose(self, pk: Any, *, now: datetime) -> "TaskRun | None":
        """Record that the process of a run is gone: it waits again, or has failed. Return it, if it was running."""
        with transaction.atomic():
            # Locked by a killed process until PostgreSQL notices: not waited for.
            run = self.select_for_update(skip_locked=True).filter(pk=pk, state=TaskRun.State.RUNNING).first()
            if run is None:
                return None
            if run.attempts - run.retries >= MAX_TRIES:
                error = gettext("Given up: its process was killed %(count)d times.") % {"count": MAX_TRIES}
                self.fail(pk, error, now=now)
            elif not run.arguments:  # a release before this one began it
                self.fail(pk, gettext("Lost: its worker was killed."), now=now)
            else:
                self.put_back(pk)
            run.refresh_from_db()
        return run

    def succeed(self, pk: str, *, now: datetime) -> bool:
        """Record that a run has done what it should, and return whether that is news."""
        return self.filter(pk=pk).end(state=TaskRun.State.SUCCEEDED, percent=100, finished=now) == 1

    def fail(self, pk: Any, error: str, *, now: datetime) -> bool:
        """Record that a run has ended, and why; return whether that is news."""
        return self.filter(pk=pk).end(state=TaskRun.State.FAILED, error=error, finished=now) == 1

    def end(self, **fields: Any) -> int:
        """End those of these runs that have not ended yet; return how many."""
        return self.unfinished().update(arguments="", **fields)


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
    # What it takes to begin it anew: as JSON, until it has ended; and the number of the try that it asked for itself.
    arguments = models.TextField(_("arguments"), blank=True, default="", db_default="")
    retries = models.PositiveSmallIntegerField(_("retries"), default=0, db_default=0)
    # When its message is in the queue; unknown while the queue is out of reach.
    due = models.DateTimeField(_("due"), null=True, blank=True)
    # Who runs it, and last said so.
    worker = models.CharField(_("worker"), max_length=255, blank=True, default="", db_default="")
    alive = models.DateTimeField(_("alive"), null=True, blank=True)
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
        permissions = (("control_workers", _("Can command workers, in Flower")),)
        indexes = (
            models.Index(fields=["requested_by", "-created"], name="task_run_requested_by"),
            models.Index(fields=["-created"], name="task_run_created"),
            models.Index(fields=["started"], name="task_run_running", condition=Q(state="running")),
            models.Index(fields=["due"], name="task_run_waiting", condition=Q(state="queued")),
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
