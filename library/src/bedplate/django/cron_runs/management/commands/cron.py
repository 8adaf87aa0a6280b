"""`manage.py cron`."""

from typing import Any
from zoneinfo import ZoneInfo

from bedplate.django.cron_runs.crontab import CRONTAB, CrontabError
from bedplate.django.cron_runs.management.postgresql import require_postgresql
from bedplate.django.cron_runs.supervisor import Supervisor, SupervisorError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Runs the tasks of the crontab, until SIGTERM."""

    help = f"Run the tasks of {CRONTAB}, until SIGTERM. The main process of the cron container."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until SIGTERM, and return once the running tasks have ended."""
        require_postgresql()
        try:
            Supervisor(crontab=CRONTAB, zone=ZoneInfo(settings.TIME_ZONE)).run()
        except (CrontabError, SupervisorError) as error:
            raise CommandError(str(error)) from error
