"""The backups: the last, the last verified, and their size and duration over time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from bedplate.django.cron_runs.models import CronRun
from bedplate.django.operations_page.models import BackupRecord
from bedplate.django.operations_page.plot import Plot, plot

SHOWN: Final = 60
# As the hourly check counts: bedplate.backup.commands.check.
NEWEST_BACKUP: Final = timedelta(hours=26)
NEWEST_VERIFICATION: Final = timedelta(days=3)
CLOCK_TOLERANCE: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Backups:
    """The last backups, the newest first, at a time."""

    now: datetime
    records: tuple[BackupRecord, ...]
    expected: bool
    """True in PROD, unless the project has removed backups: elsewhere, they are made by hand."""

    @property
    def last(self) -> BackupRecord | None:
        """The newest backup."""
        return self.records[0] if self.records else None

    @property
    def last_verified(self) -> BackupRecord | None:
        """The backup that passed a drill last."""
        passed = [(record.verified, record) for record in self.records if record.passed and record.verified]
        return max(passed, key=lambda each: each[0])[1] if passed else None

    @property
    def last_is_stale(self) -> bool:
        """Whether the newest backup is missing or too old."""
        return self.expected and (self.last is None or not self._is_recent(self.last.created, NEWEST_BACKUP))

    @property
    def verification_is_stale(self) -> bool:
        """Whether no drill has passed lately."""
        passed = [record.verified for record in self.records if record.passed and record.verified]
        return self.expected and not any(self._is_recent(verified, NEWEST_VERIFICATION) for verified in passed)

    def _is_recent(self, time: datetime, longest: timedelta) -> bool:
        """Return whether a time counts: a clock that was ahead does not hide for long that backups are missing."""
        return -CLOCK_TOLERANCE <= self.now - time <= longest

    @property
    def last_failed(self) -> bool:
        """Whether the drill on the newest backup failed."""
        return self.last is not None and self.last.passed is False

    @property
    def sizes(self) -> Plot:
        """The stored sizes over time."""
        return plot([(record.created, float(record.size)) for record in reversed(self.records)])

    @property
    def durations(self) -> Plot:
        """The durations over time, of the backups that were made here."""
        known = [(record.created, record.seconds) for record in reversed(self.records)]
        return plot([(created, seconds) for created, seconds in known if seconds is not None])

    def problems(self) -> list[str]:
        """Return sentences about backups that are missing, old or not verified."""
        found = []
        if self.last_is_stale:
            found.append(_("The newest backup is too old.") if self.last else _("There is no backup."))
        if self.last and self.verification_is_stale:
            found.append(_("No backup was verified lately."))
        if self.last_failed:
            found.append(_("The drill on the newest backup failed."))
        return found


def gather_backups() -> Backups:
    """Return the backups, with two queries."""
    records = tuple(BackupRecord.objects.order_by("-created")[:SHOWN])
    expected = settings.ENVIRONMENT.environment == "prod" and cron_has_backups()
    return Backups(now=timezone.now(), records=records, expected=expected)


def cron_has_backups() -> bool:
    """Return whether cron has scheduled a task of backups: a project that has removed them has no such line."""
    return CronRun.objects.filter(state=CronRun.State.SCHEDULED, command__contains="backup").exists()
