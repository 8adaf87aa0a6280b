"""What anonymising needs of PostgreSQL beyond Django's ORM."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from anonymising.plan import Column

LARGE_OBJECTS: Final = Column(table="pg_largeobject", name="data")

TABLE_NAME: Final = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
OF_USERS: Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
TABLES: Final = f"SELECT {TABLE_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608 - made of the constants above

# A partition, or a child that inherits, has its rows anonymised through its parent: its columns count as the parent's.
# A foreign table is listed too, though its rows are not in the database: nobody has said that they may be seen.
TEXT_COLUMNS: Final = f"""
WITH RECURSIVE family (member, parent) AS (
  SELECT oid, oid FROM pg_class WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid)
  UNION ALL
  SELECT inhrelid, family.parent FROM pg_inherits JOIN family ON inhparent = family.member
)
SELECT DISTINCT {TABLE_NAME}, a.attname
FROM family
JOIN pg_class m ON m.oid = family.member
JOIN pg_class c ON c.oid = family.parent
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE m.relkind IN ('r', 'p', 'f') AND {OF_USERS}
  AND NOT (t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY(%s))
"""  # noqa: S608 - made of the constants above
SAFE_TYPES: Final = [
    *("bool", "int2", "int4", "int8", "float4", "float8", "numeric", "oid", "uuid"),
    *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
]

# Triggers would keep what the update replaces (an audit table's, say). {'A': ENABLE ALWAYS, 'R': ENABLE REPLICA}
TRIGGERS: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(tgname), tgenabled::text
FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'D' AND c.relkind IN ('r', 'p') AND {OF_USERS}
"""  # noqa: S608 - made of the constants above
ENABLE: Final = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}

# In the order of their making, so that one that reads another comes after it.
MATERIALISED_VIEWS: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {OF_USERS} ORDER BY c.oid
"""  # noqa: S608 - made of the constants above

# Not the catalogs (a VACUUM that names no table takes them too): some are shared with the live database.
STORED_TABLES: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {OF_USERS}
"""  # noqa: S608 - made of the constants above

# The planner's statistics hold samples of the columns; analysing a table that is now empty would leave them.
CLEAR_STATISTICS: Final = """
SELECT pg_clear_attribute_stats(schemaname::text, tablename::text, attname::text, inherited) FROM pg_stats
WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'
"""


class PostgreSQL:
    """A PostgreSQL database that is being anonymised."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def text_columns(self) -> list[Column]:
        """Return the columns of all schemas that may hold text; large objects count as one."""
        columns = [Column(table=table, name=name) for table, name in self._rows(TEXT_COLUMNS, [SAFE_TYPES])]
        large_objects = self._rows("SELECT FROM pg_largeobject_metadata LIMIT 1")
        return [*columns, *([LARGE_OBJECTS] if large_objects else [])]

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name as in `text_columns`, or None when it is a view, or elsewhere."""
        query = f"{TABLES} WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'p')"
        rows = self._rows(query, [self.connection.ops.quote_name(db_table)])
        return rows[0][0] if rows else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within a transaction, let updates reach every row and leave no trace elsewhere; then check."""
        triggers = self._rows(TRIGGERS)
        self._execute("SET LOCAL row_security = off")  # an error, where rows would be passed over
        self._execute("SET CONSTRAINTS ALL DEFERRED")
        for table, trigger, _enabled in triggers:
            self._execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield
        self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, trigger, enabled in triggers:
            self._execute(f"ALTER TABLE {table} {ENABLE[enabled]} TRIGGER {trigger}")
        for (view,) in self._rows(MATERIALISED_VIEWS):
            self._execute(f"REFRESH MATERIALIZED VIEW {view}")

    def empty(self, table: str) -> int:
        """Delete all rows of a table without a model, and return how many they were."""
        if table == LARGE_OBJECTS.table:
            return self._execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        (quoted,) = self._rows(
            "SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n"  # noqa: S608 - made of the constants above
            f" ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND {TABLE_NAME} = %s",
            [table],
        )[0]
        return self._execute(f"DELETE FROM {quoted}")  # noqa: S608 - quoted by the server itself

    def compact(self) -> None:
        """Write the tables anew, without the old rows: until then they are still in the data files."""
        self._execute(CLEAR_STATISTICS)
        if tables := ", ".join(table for (table,) in self._rows(STORED_TABLES)):
            self._execute(f"VACUUM (FULL, ANALYZE) {tables}")
        self._execute("VACUUM (FULL) pg_statistic, pg_statistic_ext_data, pg_largeobject")

    def _execute(self, sql: str, parameters: list[Any] | None = None) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def _rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or [])
            return list(cursor.fetchall())
