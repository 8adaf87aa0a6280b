"""`manage.py rebuild_indexes`: for a database server with other collation versions."""

from typing import Any

from bedplate.django.operations.collations import Difference, differences
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection


class Command(BaseCommand):
    """Rebuilds the database's indexes, and records the collation versions."""

    help = (
        "Rebuild all indexes of the database, after a change of the server's collation versions (another Debian "
        "release of its image). Each table is locked while its indexes are rebuilt."
    )
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Rebuild the indexes; record the versions only once all indexes are rebuilt."""
        if connection.vendor != "postgresql":
            self.stdout.write("Nothing to do: SQLite sorts by itself.")
            return
        with connection.cursor() as cursor:
            found = differences(cursor)
            if not found:
                self.stdout.write("Nothing to do: indexes are sorted as the server sorts.")
                return
            for difference in found:
                self.stdout.write(f"The {difference}.")
            self._build(cursor)
            refused = [reason for difference in found if (reason := self._record_version(cursor, difference))]
        if refused:
            raise CommandError("\n".join(["The indexes are rebuilt. These versions could not be recorded:", *refused]))
        self.stdout.write(self.style.SUCCESS("Indexes are sorted as the server sorts."))

    def _build(self, cursor: Any) -> None:
        name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
        self.stdout.write("Rebuilding the indexes …")
        try:
            cursor.execute(f"REINDEX DATABASE {name}")
        except Error as error:
            raise CommandError(
                f"{str(error).strip()}\nNo version was recorded: the warning stays. If two rows have the same value, "
                "the index missed the first when the second was added: delete or change one, then run this again."
            ) from error

    def _record_version(self, cursor: Any, difference: Difference) -> str:
        """Record the version. Return the error, or an empty string."""
        version = "COLLATION VERSION" if difference.kind == "DATABASE" else "VERSION"
        try:
            cursor.execute(f"ALTER {difference.kind} {difference.name} REFRESH {version}")
        except Error as error:
            return f"{difference.kind.lower()} {difference.name}: {str(error).strip()}"
        return ""
