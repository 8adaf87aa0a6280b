"""When tasks of cron are due, and what their runs did."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class CronRunQuerySet(models.QuerySet["CronRun"]):
    """Runs, and the ways from one state to the next. Of many processes that try, one gets a run."""

    def due(self, now: datetime) -> "CronRunQuerySet":
        """Return the runs that nobody has begun although it is time, the latest first."""
        return self.filter(state=CronRun.State.SCHEDULED, scheduled_for__lte=now).order_by("-scheduled_for")

    def schedule(self, runs: Iterable["CronRun"], *, now: datetime) -> None:
        """Make these the runs that are to come; of tasks that they leave out, none remains."""
        wanted = {(run.task, run.scheduled_for): run for run in runs}
        tasks = {task for task, _time in wanted}
        for run in self.filter(state=CronRun.State.SCHEDULED):
            still_due = run.scheduled_for <= now and run.task in tasks
            if wanted.pop((run.task, run.scheduled_for), None) is None and not still_due:
                self.filter(pk=run.pk, state=CronRun.State.SCHEDULED).delete()
        self.bulk_create(wanted.values(), ignore_conflicts=True)

    def claim(self, task: str, *, command: str, scheduled_for: datetime, now: datetime) -> "CronRun | None":
        """Return the run of that time, begun; or None if somebody has begun it, or has given it up."""
        begun = {"command": command, "state": CronRun.State.RUNNING, "started": now}
        run = self.filter(task=task, scheduled_for=scheduled_for)
        if run.filter(state=CronRun.State.SCHEDULED).update(**begun):
            return run.get()
        created, is_new = self.get_or_create(task=task, scheduled_for=scheduled_for, defaults=begun)
        return created if is_new else None

    def end(self, run: "CronRun", *, now: datetime, state: str, **result: Any) -> None:
        """Record how a run ended, also where a restore has meanwhile replaced the database that knew it."""
        begun = {"command": run.command, "started": run.started}
        self.update_or_create(
            task=run.task,
            scheduled_for=run.scheduled_for,
            defaults={**result, "state": state, "finished": now},
            create_defaults={**begun, **result, "state": state, "finished": now},
        )

    def miss(self, run: "CronRun", *, reason: str, now: datetime, instead: str = "") -> bool:
        """Record that a due run did not happen, and another is due now, `instead`; return False if it did happen."""
        missed = self.filter(pk=run.pk, state=CronRun.State.SCHEDULED)
        with transaction.atomic():
            if not missed.update(state=CronRun.State.MISSED, reason=reason, finished=now):
                return False
            if instead:
                self.create(task=run.task, command=run.command, scheduled_for=now, reason=instead)
        return True

    def give_up(self, run: "CronRun", *, reason: str, now: datetime) -> bool:
        """Record that a running run was killed; return False if it has ended otherwise."""
        running = self.filter(pk=run.pk, state=CronRun.State.RUNNING)
        return bool(running.update(state=CronRun.State.FAILED, reason=reason, finished=now))

    def prune(self, *, now: datetime, keep: timedelta) -> int:
        """Return how many old runs were deleted."""
        unfinished = (CronRun.State.SCHEDULED, CronRun.State.RUNNING)
        deleted, _by_model = self.filter(scheduled_for__lt=now - keep).exclude(state__in=unfinished).delete()
        return deleted


class CronRun(models.Model):
    """One run of a task, known from when it is scheduled."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", _("Scheduled")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")
        MISSED = "missed", _("Missed")

    task = models.CharField(_("task"), max_length=100)
    command = models.TextField(_("command"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.SCHEDULED)
    scheduled_for = models.DateTimeField(_("scheduled for"))
    started = models.DateTimeField(_("started"), null=True)
    finished = models.DateTimeField(_("finished"), null=True)
    exit_code = models.SmallIntegerField(_("exit code"), null=True)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    output = models.TextField(_("end of the output"), blank=True)

    objects = CronRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("cron run")
        verbose_name_plural = _("cron runs")
        ordering = ("-scheduled_for", "task")
        indexes = (
            models.Index(fields=["-scheduled_for"], name="cron_run_scheduled_for"),
            models.Index(fields=["state"], name="cron_run_unfinished", condition=Q(state__in=["scheduled", "running"])),
        )
        constraints = (
            models.UniqueConstraint(fields=["task", "scheduled_for"], name="cron_run_happens_once"),
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "running", "succeeded", "failed", "skipped", "missed"]),
                name="cron_run_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "running"], finished__isnull=True)
                | Q(state__in=["succeeded", "failed", "skipped", "missed"], finished__isnull=False),
                name="cron_run_finished_when_it_has_ended",
            ),
        )

    def __str__(self) -> str:
        return f"{self.task} {self.scheduled_for:%Y-%m-%d %H:%M:%S %Z}"
