"""Checks whether text indexes still match the collation versions of the database server.

A database records the version of the libraries (glibc, ICU) that sorted its indexes. An image of another Debian release
has other versions: lookups then miss rows, and a unique index accepts duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core import checks
from django.db import connections

HINT: Final = "Rebuild its indexes: library/docs/how-to/rebuild-indexes.md"

# The database, the template of new ones, and the default database for connections. Each database has hundreds of
# collations, one for each locale of the system, mostly unused: only the used ones are checked. A library without a
# version (musl) differs too.
DIFFERENT: Final = """
WITH used AS MATERIALIZED (
  SELECT attcollation AS oid FROM pg_attribute
  UNION SELECT unnest(indcollation) FROM pg_index
  UNION SELECT typcollation FROM pg_type
  UNION SELECT rngcollation FROM pg_range
  UNION SELECT unnest(partcollation) FROM pg_partitioned_table
)
SELECT 'DATABASE', quote_ident(datname), datcollversion, pg_database_collation_actual_version(oid)
FROM pg_database
WHERE datname IN (current_database(), 'template1', 'postgres')
  AND datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
UNION ALL
SELECT 'COLLATION', oid::regcollation::text, collversion, pg_collation_actual_version(oid)
FROM pg_collation JOIN used USING (oid)
WHERE collversion IS NOT NULL AND collversion IS DISTINCT FROM pg_collation_actual_version(oid)
ORDER BY 1 DESC, 2
"""


class CollationsDifferError(Exception):
    """The indexes were sorted with other collation versions than the server's. The message has no secrets."""


@dataclass(frozen=True)
class Difference:
    """A database or collation with another version than the server's; `name` is quoted as in SQL."""

    kind: str  # DATABASE or COLLATION
    name: str
    sorted_by: str
    server_has: str | None

    def __str__(self) -> str:
        what, now = f"{self.kind.lower()} {self.name}", self.server_has or "none"
        return f"{what} was sorted by version {self.sorted_by}, the server has {now}"


def differences(cursor: Any) -> list[Difference]:
    """Return the differences in the cursor's PostgreSQL database."""
    cursor.execute(DIFFERENT)
    return [Difference(*row) for row in cursor.fetchall()]


def check_collations(*, databases: Sequence[str] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Return a warning for each difference. Django runs this check in `migrate`, as do install and deploy."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        if connections[alias].vendor == "postgresql":
            with connections[alias].cursor() as cursor:
                found += [checks.Warning(f"The {one}.", hint=HINT, id="operations.W001") for one in differences(cursor)]
    return found
