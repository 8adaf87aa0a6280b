"""What anonymising needs of SQLite beyond Django's ORM."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from anonymising.plan import Column

SAFE_TYPES: Final = re.compile(r"bool|date|decimal|double|float|int|numeric|real|time", re.IGNORECASE)
TRIGGERS: Final = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"


class SQLite:
    """A SQLite database that is being anonymised."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def text_columns(self) -> list[Column]:
        """Return the columns that may hold text, by their declared type: SQLite itself does not mind."""
        columns = "SELECT s.name, c.name, c.type FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c"
        rows = self._rows(f"{columns} WHERE s.name IN ({TABLES})")
        return [Column(table=table, name=name) for table, name, kind in rows if not SAFE_TYPES.search(kind)]

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name as in `text_columns`, or None when it is a view."""
        rows = self._rows(f"{TABLES} AND name = %s COLLATE NOCASE", [db_table])
        return rows[0][0] if rows else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within a transaction, let updates leave no trace elsewhere; then check the relations."""
        triggers = self._rows(TRIGGERS)  # they would keep what the update replaces (in an audit table, say)
        self._rows("PRAGMA defer_foreign_keys = ON")
        for name, _sql in triggers:
            self._rows(f"DROP TRIGGER {self.connection.ops.quote_name(name)}")
        yield
        self.connection.check_constraints()
        for _name, sql in triggers:
            self._rows(sql)

    def empty(self, table: str) -> int:
        """Delete all rows of a table without a model, and return how many they were."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.connection.ops.quote_name(table)}")  # noqa: S608 - quoted
            return int(cursor.rowcount)

    def compact(self) -> None:
        """Write the file anew, without the old rows, and empty the log that also has them."""
        self._rows("VACUUM")
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
