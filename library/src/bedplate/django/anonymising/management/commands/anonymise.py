"""`manage.py anonymise`: what a restore of production's data runs before anyone can see them."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from bedplate.django.anonymising.anonymiser import (
    anonymise,
    configured_database,
    explain,
    kept_files,
    models_of_all_apps,
    plan_for,
)
from bedplate.django.anonymising.registry import AnonymisingError, discover
from bedplate.django.anonymising.rules import secret


class Command(BaseCommand):
    """Anonymises the database that Django is configured for, for good."""

    help = "Replace what tells about people in this database by the rules in each app's anonymisation.py. No way back."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--database`, `--check` and `--kept-files`."""
        parser.add_argument("--database", metavar="NAME", help="the configured database's name, to show it is meant")
        parser.add_argument("--check", action="store_true", help="change nothing: list what no rule classifies")
        parser.add_argument(
            "--kept-files", type=Path, metavar="FILE", help="write the names of the media files to bring over, as JSON"
        )

    def handle(self, *_args: Any, database: str, check: bool, kept_files: Path | None, **_options: Any) -> None:
        """Print one line a model."""
        try:
            if check:
                self._check()
            else:
                refuse_unless_meant(database)
                self._anonymise(kept_files)
        except AnonymisingError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}\nDo not use it before this command succeeds.") from error

    def _check(self) -> None:
        plan = plan_for(configured_database(), registry=discover(), models=models_of_all_apps())
        if plan.problems:
            raise AnonymisingError(explain(plan))
        self.stdout.write("Every field and column that may hold text has a rule.")

    def _anonymise(self, file: Path | None) -> None:
        database = configured_database()
        plan = plan_for(database, registry=discover(), models=models_of_all_apps())
        for name, rows in anonymise(database, plan, key=secret()):
            self.stdout.write(f"{name}: {rows} rows")
        database.compact()
        if file is not None:
            file.write_text(json.dumps(kept_files(plan)))


def refuse_unless_meant(database: str | None) -> None:
    """Raise AnonymisingError for production, and for any database but the one that is named."""
    configured = str(connection.settings_dict["NAME"])
    if settings.ENVIRONMENT.environment == "prod":
        raise AnonymisingError("This is PROD: its data are never anonymised. Restore a backup elsewhere.")
    if database != configured:
        raise AnonymisingError(
            f"Django is configured for the database {configured!r}, not for {database!r}: nothing was changed. "
            f"If it is the one to anonymise, say --database {configured}"
        )
