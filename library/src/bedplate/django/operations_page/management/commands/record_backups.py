"""`manage.py record_backups`."""

import json
import sys
from typing import Any

from bedplate.django.operations_page.models import BackupRecord
from django.core.exceptions import FieldError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime


class Command(BaseCommand):
    """Records the backups that standard input lists, as JSON: objects with the fields of BackupRecord."""

    help = (
        "Record the newest backups for the page about operations, from standard input: a list as JSON. "
        "`python -m bedplate.backup` calls it."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's contract

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print how many backups were recorded."""
        try:
            reported = [self._fields(backup) for backup in self._given()]
            with transaction.atomic():
                number = BackupRecord.objects.record(reported)
        except (ValueError, TypeError, AttributeError, KeyError, FieldError, IntegrityError) as error:
            raise CommandError(f"Standard input is not a list of backups as JSON: {error!r}") from None
        self.stdout.write(f"Recorded {number} backups.")

    def _given(self) -> list[dict[str, Any]]:
        given = json.load(sys.stdin)
        if not isinstance(given, list):
            raise TypeError(type(given))
        return given

    def _fields(self, backup: dict[str, Any]) -> dict[str, Any]:
        """Return the fields; times are ISO 8601."""
        times = {name: parse_datetime(backup[name]) for name in ("created", "verified") if backup.get(name)}
        return backup | times
