"""`manage.py record_backups`."""

import json
from typing import Any

from bedplate.django.operations_page.models import BackupRecord
from django.core.exceptions import FieldError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime


class Command(BaseCommand):
    """Records backups for the page about operations."""

    help = "Record backups for the page about operations. `python -m bedplate.backup` calls it."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's contract

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the argument."""
        parser.add_argument("backups", help="a list of objects as JSON, with the fields of BackupRecord")

    def handle(self, *_args: Any, backups: str, **_options: Any) -> None:
        """Print how many backups were recorded."""
        try:
            reported = [self._fields(backup) for backup in json.loads(backups)]
            with transaction.atomic():
                number = BackupRecord.objects.record(reported)
        except (ValueError, TypeError, AttributeError, KeyError, FieldError, IntegrityError) as error:
            raise CommandError(f"not a list of backups as JSON: {error!r}") from None
        self.stdout.write(f"Recorded {number} backups.")

    def _fields(self, backup: dict[str, Any]) -> dict[str, Any]:
        """Return the fields; times are ISO 8601."""
        times = {name: parse_datetime(backup[name]) for name in ("created", "verified") if backup.get(name)}
        return backup | times
