"""The runs of background tasks."""

import uuid
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.titles import title_of
from bedplate.django.user_limits import lock_user

# Maximum starts of a run whose process keeps dying.
MAX_ATTEMPTS: Final = 3
# Unfinished runs of a user, unless the setting TASKS_PER_USER has another number.
TASKS_PER_USER: Final = 20


class TooManyTasksError(Exception):
    """The user has the maximum of running and waiting tasks: the message says so to the user."""


class TaskRunQuerySet(models.QuerySet["TaskRun"]):
    """Runs, and their changes of state. A finished run never changes: the first result counts."""

    def visible_to(self, user: Any) -> "TaskRunQuerySet":
        """Return the runs that the user may see: their own, or all for staff."""
        return self if user.is_staff else self.filter(requested_by=user)

    def unfinished(self) -> "TaskRunQuerySet":
        """Return the queued and running runs."""
        return self.filter(state__in=TaskRun.UNFINISHED)

    def create_for(self, user: Any, **fields: Any) -> "TaskRun":
        """Return a new run of the user. Raise TooManyTasksError if the user has the maximum of unfinished ones."""
        maximum = getattr(settings, "TASKS_PER_USER", TASKS_PER_USER)
        with lock_user(user.pk):
            if self.unfinished().filter(requested_by=user).count() >= maximum:
                text = gettext(
                    "You have the maximum of running and waiting tasks, %(count)d. "
                    "Wait until one has finished, or cancel one."
                )
                raise TooManyTasksError(text % {"count": maximum})
            return self.create(requested_by=user, **fields)

    def begin(self, run: "TaskRun", *, now: datetime) -> bool:
        """Mark the run as running. Return False if it must not start: it runs elsewhere, or has finished.

        A message is delivered more than once if a worker dies, or after Valkey's visibility timeout. A retry may start
        before the previous attempt has recorded its end.
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
            alive=Now(),  # by the database's clock, by which its lease ends
            percent=0,
            message="",
        )
        return claimed == 1

    def report(self, pk: str, percent: int, message: str) -> None:
        """Record the progress of a running run."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(percent=percent, message=message)

    def requeue(self, pk: Any, *, attempts: int = 0) -> None:
        """Mark a running run as queued again. `attempts=-1`: this attempt does not count, as the task did not fail."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING).update(
            state=TaskRun.State.QUEUED, attempts=F("attempts") + attempts, percent=0, message=""
        )

    def schedule_retry(self, pk: str, *, retries: int, due: datetime) -> None:
        """Mark a run as queued for the retry after `retries`, unless that retry has started already."""
        self.filter(pk=pk, state=TaskRun.State.RUNNING, retries=retries).update(
            state=TaskRun.State.QUEUED, retries=retries + 1, due=due, percent=0, message=""
        )

    def mark_lost(self, pk: Any, *, now: datetime) -> "TaskRun | None":
        """Mark a running run, whose process has died, as queued or failed. Return it; None if it was not running."""
        with transaction.atomic():
            # A killed process may hold the lock until PostgreSQL notices; skip it.
            run = self.select_for_update(skip_locked=True).filter(pk=pk, state=TaskRun.State.RUNNING).first()
            if run is None:
                return None
            if run.attempts - run.retries >= MAX_ATTEMPTS:
                error = gettext("Given up: its process was killed %(count)d times.") % {"count": MAX_ATTEMPTS}
                self.fail(pk, error, now=now)
            elif not run.arguments:  # an earlier release started it
                self.fail(pk, gettext("Lost: its worker was killed."), now=now)
            else:
                self.requeue(pk)
            run.refresh_from_db()
        return run

    def succeed(self, pk: str, *, now: datetime) -> bool:
        """Mark a run as succeeded. Return False if it has finished already."""
        return self.filter(pk=pk).end(state=TaskRun.State.SUCCEEDED, percent=100, arguments="", finished=now) == 1

    def fail(self, pk: Any, error: str, *, now: datetime, traceback: str = "") -> bool:
        """Mark a run as failed, with the error. Return False if it has finished already. It can be retried."""
        ended = self.filter(pk=pk).end(state=TaskRun.State.FAILED, error=error, traceback=traceback, finished=now)
        return ended == 1

    def end(self, **fields: Any) -> int:
        """End the unfinished ones of these runs; return their number."""
        return self.unfinished().update(**fields)

    def retry(self, pk: Any, *, now: datetime) -> "TaskRun | None":
        """Create a new run like this failed one. Return None if it is not failed, or was retried already."""
        with transaction.atomic():
            failed = self.filter(pk=pk, state=TaskRun.State.FAILED).exclude(arguments="")
            run = failed.first()
            if run is None or not failed.update(arguments=""):
                return None
            return self.create(name=run.name, requested_by=run.requested_by, arguments=run.arguments, due=now)


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
    # Of an unexpected error, for staff.
    traceback = models.TextField(_("traceback"), blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    started = models.DateTimeField(_("started"), null=True)
    finished = models.DateTimeField(_("finished"), null=True)
    # To start the run again: its arguments, as JSON, until it has succeeded; and the number of its retry.
    arguments = models.TextField(_("arguments"), blank=True, default="", db_default="")
    retries = models.PositiveSmallIntegerField(_("retries"), default=0, db_default=0)
    # When its message is in the queue; unknown while the queue is unavailable.
    due = models.DateTimeField(_("due"), null=True, blank=True)
    # The worker that runs it, and the time of its last renewal.
    worker = models.CharField(_("worker"), max_length=255, blank=True, default="", db_default="")
    alive = models.DateTimeField(_("alive"), null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        verbose_name=_("requested by"),
        related_name="task_runs",
        db_index=False,  # covered by the index below
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
            models.Index(fields=["-finished"], name="task_run_failed", condition=Q(state="failed")),
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
        return f"{self.title} {self.id}"

    @property
    def title(self) -> str:
        """The title of the task in the current language."""
        return title_of(self.name)

    @property
    def plain_error(self) -> str:
        """The error for the user who started the run: without the text of an unexpected one."""
        return gettext("It failed because of an unexpected error.") if self.traceback else self.error

    @property
    def can_be_canceled(self) -> bool:
        """Whether the run is unfinished; without remote control (embedded mode) only if it waits."""
        return self.state == self.State.QUEUED or (self.unfinished and settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL)

    @property
    def unfinished(self) -> bool:
        """Whether the run is queued or running."""
        return self.state in self.UNFINISHED
