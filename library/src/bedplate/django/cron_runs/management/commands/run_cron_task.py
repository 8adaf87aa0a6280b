"""`manage.py run_cron_task`."""

from typing import Any
from zoneinfo import ZoneInfo

from bedplate.django.cron_runs.crontab import CRONTAB, CrontabError, read_crontab, task_name
from bedplate.django.cron_runs.management.postgresql import require_postgresql
from bedplate.django.cron_runs.recorder import record
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Runs a command of the crontab, and records the run."""

    help = f"Run a command of {CRONTAB} that is due, and record the run. supercronic calls it, through cron/recorded."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's contract; a run is no time to check the code

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the command."""
        parser.add_argument("command", help="as it stands in the crontab")

    def handle(self, *_args: Any, command: str, **_options: Any) -> None:
        """Exit as the command does."""
        require_postgresql()
        try:
            crontab = read_crontab(CRONTAB, zone=ZoneInfo(settings.TIME_ZONE))
            task = crontab.tasks[task_name(command)]
        except CrontabError as error:
            raise CommandError(str(error)) from error
        except KeyError as error:
            raise CommandError(f"{CRONTAB} has no task {error}: {command}") from error
        raise SystemExit(record(task))
