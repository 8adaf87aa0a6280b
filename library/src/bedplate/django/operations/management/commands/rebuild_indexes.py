"""`manage.py rebuild_indexes`: after the database's server got other libraries."""

from typing import Any

from bedplate.django.operations.collations import Difference, differences
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection


class Command(BaseCommand):
    """Rebuilds the database's indexes, and notes the version of the libraries that sorted them."""

    help = (
        "Rebuild all indexes of the database, after its server got other libraries for sorting (another Debian "
        "release of its image). Each table waits while its indexes are rebuilt."
    )
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Build the indexes; note the versions only once all of them are built."""
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
            refused = [why for difference in found if (why := self._refusal(cursor, difference))]
        if refused:
            raise CommandError("\n".join(["The indexes are rebuilt; this could not be noted:", *refused]))
        self.stdout.write(self.style.SUCCESS("Indexes are sorted as the server sorts."))

    def _build(self, cursor: Any) -> None:
        name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
        self.stdout.write("Rebuilding the indexes …")
        try:
            cursor.execute(f"REINDEX DATABASE {name}")
        except Error as error:
            raise CommandError(
                f"{str(error).strip()}\nNothing was noted: the warning stays. If two rows have the same value, "
                "the second came in while the index could not find the first: remove or change one, run this again."
            ) from error

    def _refusal(self, cursor: Any, difference: Difference) -> str:
        """Note the version; return why not, or nothing."""
        version = "COLLATION VERSION" if difference.kind == "DATABASE" else "VERSION"
        try:
            cursor.execute(f"ALTER {difference.kind} {difference.name} REFRESH {version}")
        except Error as error:
            return f"{difference.kind.lower()} {difference.name}: {str(error).strip()}"
        return ""
