"""`manage.py anonymise`: a restore of production's data runs it before the data become visible."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from bedplate.django.anonymization.anonymizer import (
    anonymize,
    configured_database,
    describe_problems,
    kept_files,
    models_of_all_apps,
    plan_for,
)
from bedplate.django.anonymization.registry import AnonymizationError, discover
from bedplate.django.anonymization.rules import secret


class Command(BaseCommand):
    """Irreversibly anonymizes the database that Django is configured for."""

    help = "Replace personal data in this database, by the rules in each app's anonymisation.py. Irreversible."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--database`, `--check` and `--kept-files`."""
        parser.add_argument("--database", metavar="NAME", help="name of the configured database, to confirm")
        parser.add_argument("--check", action="store_true", help="change nothing: list fields that have no rule")
        parser.add_argument(
            "--kept-files", type=Path, metavar="FILE", help="write the paths of the media files to keep, as JSON"
        )

    def handle(self, *_args: Any, database: str, check: bool, kept_files: Path | None, **_options: Any) -> None:
        """Print one line for each model."""
        try:
            if check:
                self._check()
            else:
                require_confirmed(database)
                self._anonymize(kept_files)
        except AnonymizationError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}\nDo not use it before this command succeeds.") from error

    def _check(self) -> None:
        plan = plan_for(configured_database(), registry=discover(), models=models_of_all_apps())
        if plan.problems:
            raise AnonymizationError(describe_problems(plan))
        self.stdout.write("Every field and column that may contain text has a rule.")

    def _anonymize(self, file: Path | None) -> None:
        database = configured_database()
        plan = plan_for(database, registry=discover(), models=models_of_all_apps())
        for name, rows in anonymize(database, plan, key=secret()):
            self.stdout.write(f"{name}: {rows} rows")
        database.compact()
        if file is not None:
            file.write_text(json.dumps(kept_files(plan)))


def require_confirmed(database: str | None) -> None:
    """Raise AnonymizationError in PROD, and if `database` is not the configured one."""
    configured = str(connection.settings_dict["NAME"])
    if settings.ENVIRONMENT.environment == "prod":
        raise AnonymizationError("This is PROD: its data are never anonymized. Restore a backup elsewhere.")
    if database != configured:
        raise AnonymizationError(
            f"Django is configured for the database {configured!r}, not for {database!r}: nothing was changed. "
            f"To anonymize it, add --database {configured}"
        )
