"""`manage.py run_cron_task`."""

from typing import Any
from zoneinfo import ZoneInfo

from bedplate.django.cron_runs.crontab import CRONTAB, CrontabError, read_crontab, task_name
from bedplate.django.cron_runs.management.postgresql import require_postgresql
from bedplate.django.cron_runs.runner import run_task
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Runs a task of the crontab, and records the run."""

    help = f"Run a task of {CRONTAB} if it is due, and record the run. supercronic calls it, through cron/recorded."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's contract; a run does not check the code

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the entry."""
        parser.add_argument("entry", help="what the crontab says after the schedule")

    def handle(self, *_args: Any, entry: str, **_options: Any) -> None:
        """Exit with the exit code of the command."""
        require_postgresql()
        try:
            crontab = read_crontab(CRONTAB, zone=ZoneInfo(settings.TIME_ZONE))
            task = crontab.tasks[task_name(entry)]
        except CrontabError as error:
            raise CommandError(str(error)) from error
        except KeyError as error:
            raise CommandError(f"{CRONTAB} has no task {error}: {entry}") from error
        raise SystemExit(run_task(task))
