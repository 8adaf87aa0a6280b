"""`manage.py prune_cron_runs`."""

from datetime import timedelta
from typing import Any

from bedplate.django.cron_runs.models import CronRun
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone


class Command(BaseCommand):
    """Deletes old runs of cron."""

    help = "Delete the runs of cron that were scheduled more than n days ago."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--days`."""
        parser.add_argument("--days", type=int, default=90, help="keep the runs of the last n days (default: 90)")

    def handle(self, *_args: Any, days: int, **_options: Any) -> None:
        """Print how many runs were deleted."""
        deleted = CronRun.objects.prune(now=timezone.now(), keep=timedelta(days=days))
        self.stdout.write(f"Deleted {deleted} cron runs older than {days} days.")
