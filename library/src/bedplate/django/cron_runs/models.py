"""The runs of cron: scheduled, running and finished."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class CronRunQuerySet(models.QuerySet["CronRun"]):
    """Runs, and their changes of state. When several processes try to change a run, one succeeds."""

    def due(self, now: datetime) -> "CronRunQuerySet":
        """Return the runs that are due and not yet claimed, the latest first."""
        return self.filter(state=CronRun.State.SCHEDULED, scheduled_for__lte=now).order_by("-scheduled_for")

    def schedule(self, runs: Iterable["CronRun"], *, now: datetime) -> None:
        """Replace the scheduled runs by these. Runs that are due stay, unless their task is not among these."""
        pending = {(run.task, run.scheduled_for): run for run in runs}
        tasks = {task for task, _time in pending}
        for run in self.filter(state=CronRun.State.SCHEDULED):
            still_due = run.scheduled_for <= now and run.task in tasks
            if pending.pop((run.task, run.scheduled_for), None) is None and not still_due:
                self.filter(pk=run.pk, state=CronRun.State.SCHEDULED).delete()
        self.bulk_create(pending.values(), ignore_conflicts=True)

    def claim(self, task: str, *, command: str, scheduled_for: datetime, now: datetime) -> "CronRun | None":
        """Mark the run of that time as running, and return it; None if another process has claimed or ended it."""
        claimed = {"command": command, "state": CronRun.State.RUNNING, "started": now}
        run = self.filter(task=task, scheduled_for=scheduled_for)
        if run.filter(state=CronRun.State.SCHEDULED).update(**claimed):
            return run.get()
        created, is_new = self.get_or_create(task=task, scheduled_for=scheduled_for, defaults=claimed)
        return created if is_new else None

    def end(self, run: "CronRun", *, now: datetime, state: str, **result: Any) -> None:
        """Record how a run ended. Create its row again if a restore has replaced the database meanwhile."""
        begun = {"command": run.command, "started": run.started}
        self.update_or_create(
            task=run.task,
            scheduled_for=run.scheduled_for,
            defaults={**result, "state": state, "finished": now},
            create_defaults={**begun, **result, "state": state, "finished": now},
        )

    def mark_missed(self, run: "CronRun", *, reason: str, now: datetime, instead: str = "") -> bool:
        """Mark a due run as missed. With `instead`, schedule another one for now, with that reason.

        Return False if the run has started already.
        """
        missed = self.filter(pk=run.pk, state=CronRun.State.SCHEDULED)
        with transaction.atomic():
            if not missed.update(state=CronRun.State.MISSED, reason=reason, finished=now):
                return False
            if instead:
                self.create(task=run.task, command=run.command, scheduled_for=now, reason=instead)
        return True

    def mark_killed(self, run: "CronRun", *, reason: str, now: datetime) -> bool:
        """Mark a running run as failed because it was killed. Return False if it has finished already."""
        running = self.filter(pk=run.pk, state=CronRun.State.RUNNING)
        return bool(running.update(state=CronRun.State.FAILED, reason=reason, finished=now))

    def prune(self, *, now: datetime, keep: timedelta) -> int:
        """Delete the runs that are older than `keep`, except unfinished ones. Return how many."""
        unfinished = (CronRun.State.SCHEDULED, CronRun.State.RUNNING)
        deleted, _by_model = self.filter(scheduled_for__lt=now - keep).exclude(state__in=unfinished).delete()
        return deleted


class CronRun(models.Model):
    """One run of a task. The row is created when the run is scheduled."""

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
