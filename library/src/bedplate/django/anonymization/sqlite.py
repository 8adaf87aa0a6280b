"""The operations on SQLite that Django's ORM does not have."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bedplate.django.anonymization.plan import Column

# Match the whole declared type, as SQLite accepts any: a "point" or a "fingerprint" may contain text.
SAFE_TYPES: Final = re.compile(
    r"(bool(ean)?|date(time)?|timestamp|time|decimal|numeric|real|float|double( precision)?"
    r"|(big|medium|small|tiny)?int(eger)?( unsigned)?)( ?\([\d, ]*\))?",
    re.IGNORECASE,
)
TRIGGERS: Final = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
# A virtual table (for example for full-text search) has its rows in shadow tables, which are dropped with it. SQLite
# treats any table with such a name as a shadow table: `notes_content` with the virtual table `notes`.
SHADOWS: Final = """
SELECT shadow.name, max(virtual.name) FROM pragma_table_list AS shadow JOIN pragma_table_list AS virtual
ON substr(shadow.name, 1, length(virtual.name) + 1) = virtual.name || '_'
WHERE shadow.schema = 'main' AND virtual.schema = 'main' AND shadow.type = 'shadow' AND virtual.type = 'virtual'
GROUP BY shadow.name
"""
VIRTUAL: Final = """
SELECT sql FROM sqlite_schema JOIN pragma_table_list AS list USING (name)
WHERE list.schema = 'main' AND list.type = 'virtual' AND name = %s
"""
# The planner's statistics: samples of the indexes.
STATISTICS: Final = "SELECT name FROM sqlite_schema WHERE name IN ('sqlite_stat1', 'sqlite_stat3', 'sqlite_stat4')"


class SQLite:
    """A SQLite database to anonymize."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def text_columns(self) -> list[Column]:
        """Return the columns that may contain text, by their declared type: SQLite does not enforce types."""
        columns = "SELECT s.name, c.name, c.type FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c"
        rows = self._rows(f"{columns} WHERE s.name IN ({TABLES})")
        part_of = dict(self._rows(SHADOWS))
        return [
            Column(table=table, name=name, part_of=part_of.get(table))
            for table, name, kind in rows
            if not SAFE_TYPES.fullmatch(kind)
        ]

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name in the form of `text_columns`, or None if it is a view."""
        rows = self._rows(f"{TABLES} AND name = %s COLLATE NOCASE", [db_table])
        return rows[0][0] if rows else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within a transaction, make updates write nowhere else."""
        triggers = self._rows(TRIGGERS)  # they may store old values, for example in an audit table
        self._rows("PRAGMA defer_foreign_keys = ON")
        for name, _sql in triggers:
            self._rows(f"DROP TRIGGER {self.connection.ops.quote_name(name)}")
        yield
        for (table,) in self._rows(STATISTICS):
            self._rows(f"DELETE FROM {table}")  # noqa: S608 - one of the names above
        for _name, sql in triggers:
            self._rows(sql)

    def settle(self) -> None:
        """Check the relations, before the transaction ends."""
        self.connection.check_constraints()

    def empty(self, tables: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Delete all rows of tables without a model, and yield each table with the number of rows."""
        for table in tables:
            yield table, self._empty(table)

    def _empty(self, table: str) -> int:
        quoted, rows = self.connection.ops.quote_name(table), self._count(table)
        if virtual := self._rows(VIRTUAL, [table]):
            self._recreate(quoted, virtual[0][0], [name for name, whole in self._rows(SHADOWS) if whole == table])
        else:
            self._rows(f"DELETE FROM {quoted}")  # noqa: S608 - quoted
        return rows

    def _recreate(self, quoted: str, sql: str, shadows: list[str]) -> None:
        """Empty a virtual table: deleting its rows would leave their words in the full-text index."""
        self._rows(f"DROP TABLE {quoted}")
        for name in set(shadows) & {name for (name,) in self._rows(TABLES)}:  # independent tables
            if name not in self.connection.introspection.django_table_names(only_existing=False):
                self._rows(f"DELETE FROM {self.connection.ops.quote_name(name)}")  # noqa: S608 - quoted
        self._rows(sql)

    def count(self, table: str) -> int:
        """Return the number of rows left in a table that was emptied."""
        # A virtual table was recreated: it now shows the rows of the table that it indexes.
        return 0 if self._rows(VIRTUAL, [table]) else self._count(table)

    def _count(self, table: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {self.connection.ops.quote_name(table)}")[0][0])  # noqa: S608 - quoted

    def changed_besides(self, tables: Iterable[str]) -> Iterable[str]:  # noqa: ARG002 - for PostgreSQL
        """Return no tables: without triggers, SQLite cannot write elsewhere."""
        return ()

    def compact(self) -> None:
        """Rewrite the file without the old rows, and empty the write-ahead log."""
        self._rows("VACUUM")
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
