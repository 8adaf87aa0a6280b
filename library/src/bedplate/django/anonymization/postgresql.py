"""The operations on PostgreSQL that Django's ORM does not have."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django.db import DatabaseError, transaction

from bedplate.django.anonymization.plan import Column
from bedplate.django.anonymization.registry import AnonymizationError

NOT_FILLED: Final = ("55000", "42704")  # object_not_in_prerequisite_state; undefined_object: a dropped user mapping
REFERRED_TO: Final = ("23503",)  # foreign_key_violation
LARGE_OBJECTS: Final = Column(table="pg_largeobject", name="data")

TABLE_NAME: Final = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
OF_USERS: Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
TABLES: Final = f"SELECT {TABLE_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608 - made of the constants above

# The rows of partitions and inheriting tables are anonymized through the parent: their columns count as the parent's.
# Foreign tables are listed too: their rows are visible, although they are not in the database.
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

# Statements to disable and enable triggers, rules and row level security: triggers and rules may store old values (for
# example in an audit table) or prevent the change; FORCE ROW LEVEL SECURITY hides rows from the owner. A partition has
# its own triggers, which may be enabled while its parent's are disabled, so each table is changed separately.
SWITCHES: Final = f"""
SELECT format('ALTER TABLE ONLY %%I.%%I ', n.nspname, c.relname) || switch.off,
  format('ALTER TABLE ONLY %%I.%%I ', n.nspname, c.relname) || switch.on
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN (
  SELECT tgrelid AS relation, 'DISABLE TRIGGER ' || quote_ident(tgname) AS off,
    'ENABLE' || (%s::json ->> tgenabled::text) || ' TRIGGER ' || quote_ident(tgname) AS on
  FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'
  UNION ALL
  SELECT ev_class, 'DISABLE RULE ' || quote_ident(rulename),
    'ENABLE' || (%s::json ->> ev_enabled::text) || ' RULE ' || quote_ident(rulename)
  FROM pg_rewrite WHERE ev_enabled <> 'D'
  UNION ALL
  SELECT oid, 'NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY' FROM pg_class WHERE relforcerowsecurity
) AS switch ON switch.relation = c.oid
WHERE c.relkind IN ('r', 'p') AND {OF_USERS}
"""  # noqa: S608 - made of the constants above
ENABLED: Final = '{"O": "", "A": " ALWAYS", "R": " REPLICA"}'

MATERIALIZED_VIEWS: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {OF_USERS} ORDER BY c.oid
"""  # noqa: S608 - made of the constants above

# A foreign table that is a partition or a child: changing its parent's rows would change them on the other server.
FOREIGN_CHILDREN: Final = f"""
SELECT {TABLE_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) ORDER BY 1
"""  # noqa: S608 - made of the constants above

# PostgreSQL's own functions first: a function with the same name elsewhere might return old values as pseudonyms.
SEARCH_PATH: Final = """
SELECT set_config('search_path', concat_ws(', ', 'pg_catalog', nullif(current_setting('search_path'), '')), true)
"""

# The number of rows that this transaction wrote into each table, as the server counts, without catalogs. It includes
# recent transactions of this session: compare it with the number from before.
WRITTEN: Final = f"""
SELECT {TABLE_NAME}, c.oid, n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables s JOIN pg_class c ON c.oid = s.relid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
"""  # noqa: S608 - made of the constants above
FAMILY: Final = """
WITH RECURSIVE family AS (
  SELECT to_regclass(name)::oid AS oid FROM unnest(%s::text[]) AS name
  UNION SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = family.oid
)
SELECT oid FROM family
"""

# A stored column is computed when its row is written; its function may have read rows that were changed later.
GENERATED: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(a.attname), pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attgenerated = 's' AND c.relkind = 'r' AND {OF_USERS}
"""  # noqa: S608 - made of the constants above

# Without the catalogs (a VACUUM without tables includes them): some are shared with the live database.
STORED_TABLES: Final = f"""
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {OF_USERS}
"""  # noqa: S608 - made of the constants above
CATALOGS: Final = ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_user_mapping")

# Logins to other servers: a dump contains their passwords. A subscription's slot on the other server is kept.
LOGINS_ELSEWHERE: Final = """
SELECT format('DROP USER MAPPING FOR %%s SERVER %%I',
  CASE umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(usename) END, srvname) FROM pg_user_mappings
UNION ALL
SELECT format('ALTER SUBSCRIPTION %%1$I DISABLE; ALTER SUBSCRIPTION %%1$I SET (slot_name = NONE);'
  'DROP SUBSCRIPTION %%1$I', subname)
FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()
"""

# The planner's statistics contain samples of the columns; ANALYZE keeps those of an empty table.
CLEAR_STATISTICS: Final = """
SELECT pg_clear_attribute_stats(schemaname::text, tablename::text, attname::text, inherited) FROM pg_stats
WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'
"""

# Extended statistics (CREATE STATISTICS): creating them again is the only way to clear them.
EXTENDED_STATISTICS: Final = f"""
SELECT format('%%I.%%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid), s.stxstattarget,
  pg_get_userbyid(s.stxowner), obj_description(s.oid, 'pg_statistic_ext')
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE {OF_USERS}
"""  # noqa: S608 - made of the constants above


class PostgreSQL:
    """A PostgreSQL database to anonymize."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.written_before: set[tuple[Any, ...]] = set()

    def text_columns(self) -> list[Column]:
        """Return the columns of all schemas that may contain text; large objects count as one column."""
        columns = [Column(table=table, name=name) for table, name in self._rows(TEXT_COLUMNS, [SAFE_TYPES])]
        large_objects = self._rows("SELECT FROM pg_largeobject_metadata LIMIT 1")
        return [*columns, *([LARGE_OBJECTS] if large_objects else [])]

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name in the form of `text_columns`, or None if it is a view or does not exist."""
        query = f"{TABLES} WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'p')"
        rows = self._rows(query, [self.connection.ops.quote_name(db_table)])
        return rows[0][0] if rows else None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within a transaction, make updates reach every row and write nowhere else."""
        if foreign := [table for (table,) in self._rows(FOREIGN_CHILDREN)]:
            raise AnonymizationError(
                f"Nothing was changed: {', '.join(foreign)} is a foreign table, and part of another table, "
                "whose changes would reach the foreign server. Detach or drop it first."
            )
        self.written_before = set(self._rows(WRITTEN))
        switches = self._rows(SWITCHES, [ENABLED, ENABLED])
        self._execute(SEARCH_PATH)
        self._execute("SET LOCAL row_security = off")  # an error if rows would be skipped
        self._execute("SET CONSTRAINTS ALL DEFERRED")
        for off, _on in switches:
            self._execute(off)
        for (drop,) in self._rows(LOGINS_ELSEWHERE):
            self._execute(drop)
        yield
        for _off, on in switches:
            self._execute(on)
        self._refresh_materialized_views()
        self._recreate_statistics()

    def settle(self) -> None:
        """Run everything that is deferred to the end of the transaction, and check the relations."""
        self._execute("SET CONSTRAINTS ALL IMMEDIATE")

    def _refresh_materialized_views(self) -> None:
        """Empty all, then refresh those that read no empty view, and repeat: so no view gets old rows from another.

        A view that reads a view which was empty before stays empty, as after `pg_restore`.
        """
        empty = [view for (view,) in self._rows(MATERIALIZED_VIEWS)]
        for view in empty:
            self._execute(f"REFRESH MATERIALIZED VIEW {view} WITH NO DATA")
        while filled := [view for view in empty if self._succeeds(f"REFRESH MATERIALIZED VIEW {view}", NOT_FILLED)]:
            empty = [view for view in empty if view not in filled]

    def _recreate_statistics(self) -> None:
        for name, definition, target, owner, comment in self._rows(EXTENDED_STATISTICS):
            self._execute(f"DROP STATISTICS {name}")
            self._execute(definition)
            if target is not None:
                self._execute(f"ALTER STATISTICS {name} SET STATISTICS {target}")
            self._execute(f"ALTER STATISTICS {name} OWNER TO {self.connection.ops.quote_name(owner)}")
            self._execute(f"COMMENT ON STATISTICS {name} IS %s", [comment])

    def empty(self, tables: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Delete all rows of tables without a model, and yield each table with the number of rows.

        Foreign keys that are not deferrable determine the order.
        """
        left = [(table, self._quoted(table)) for table in tables if table != LARGE_OBJECTS.table]
        if LARGE_OBJECTS.table in tables:
            yield LARGE_OBJECTS.table, self._execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        while left:
            before = len(left)
            for table, quoted in list(left):
                rows, delete = self._count(quoted), f"DELETE FROM {quoted}"  # noqa: S608 - quoted by the server itself
                if self._succeeds(delete, REFERRED_TO):
                    left.remove((table, quoted))
                    yield table, rows
            if len(left) == before:
                names = ", ".join(table for table, _quoted in left)
                raise AnonymizationError(f"Nothing was changed: rows of other tables refer to rows of {names}.")

    def count(self, table: str) -> int:
        """Return the number of rows of a table, or of large objects."""
        return self._count("pg_largeobject_metadata" if table == LARGE_OBJECTS.table else self._quoted(table))

    def _count(self, quoted: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {quoted}", None)[0][0])  # noqa: S608 - quoted by the server itself

    def _quoted(self, table: str) -> str:
        query = f"""
            SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND {TABLE_NAME} = %s
        """  # noqa: S608 - made of the constants above
        if not (rows := self._rows(query, [table])):
            raise AnonymizationError(
                f"Nothing was changed: {table} is a foreign table, whose rows are elsewhere. Drop it."
            )
        return str(rows[0][0])

    def changed_besides(self, tables: Iterable[str]) -> Iterable[str]:
        """Return the other tables into which this transaction wrote, and generated columns that are out of date."""
        family = {oid for (oid,) in self._rows(FAMILY, [[self.connection.ops.quote_name(table) for table in tables]])}
        written = set(self._rows(WRITTEN)) - self.written_before
        yield from sorted(table for table, oid, rows in written if rows and oid not in family)
        if self._rows("SHOW track_counts") != [("on",)]:
            yield "any table, as PostgreSQL does not count (track_counts is off)"
        for table, column, expression in self._rows(GENERATED):
            query = f"SELECT FROM ONLY {table} WHERE {column} IS DISTINCT FROM ({expression}) LIMIT 1"  # noqa: S608 - from the server's catalog
            if self._rows(query, None):
                yield f"{table}.{column}"

    def compact(self) -> None:
        """Rewrite the tables without the old rows, which are in the data files until then."""
        self._execute(CLEAR_STATISTICS)
        tables = [*(table for (table,) in self._rows(STORED_TABLES)), *CATALOGS]
        before = self._files(tables)
        self._execute(f"VACUUM (FULL, ANALYZE) {', '.join(tables[: -len(CATALOGS)])}")
        self._execute(f"VACUUM (FULL) {', '.join(CATALOGS)}")
        if same := before & self._files(tables):  # without the privilege, VACUUM only warns
            names = ", ".join(sorted(table for table, _file in same))
            raise AnonymizationError(
                f"The files of these tables still have the old rows: {names}. Do not use the database."
            )

    def _files(self, tables: list[str]) -> set[tuple[str, int]]:
        query = "SELECT name, pg_relation_filenode(name::regclass) FROM unnest(%s::text[]) AS name"
        return {(name, file) for name, file in self._rows(query, [tables])}

    def _succeeds(self, sql: str, sqlstates: tuple[str, ...]) -> bool:
        """Run SQL. Return False, with nothing changed, if the server refuses it with one of these SQLSTATEs."""
        try:
            with transaction.atomic():
                self._execute(sql)
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", None) not in sqlstates:
                raise
            return False
        return True

    def _execute(self, sql: str, parameters: list[Any] | None = None) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def _rows(self, sql: str, parameters: Sequence[Any] | None = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. With None as parameters, a `%` in it is literal."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
