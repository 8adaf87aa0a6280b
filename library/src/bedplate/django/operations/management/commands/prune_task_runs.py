"""`manage.py prune_task_runs`."""

from datetime import timedelta
from typing import Any

from bedplate.django.operations.models import TaskRun
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone


class Command(BaseCommand):
    """Deletes old runs of background tasks."""

    help = "Delete the runs of background tasks that were created more than n days ago."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--days`."""
        parser.add_argument("--days", type=int, default=30, help="keep the runs of the last n days (default: 30)")

    def handle(self, *_args: Any, days: int, **_options: Any) -> None:
        """Print the number of deleted runs."""
        # Keep running runs: their tasks still update them.
        old = TaskRun.objects.filter(created__lt=timezone.now() - timedelta(days=days))
        deleted, _by_model = old.exclude(state=TaskRun.State.RUNNING).delete()
        self.stdout.write(f"Deleted {deleted} task runs older than {days} days.")
