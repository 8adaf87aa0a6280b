"""The inventory of a PostgreSQL database: exact counts."""

from collections.abc import Iterator
from itertools import batched
from typing import Any, Final

from psycopg import Connection

from bedplate.backup.manifest import DatabaseInventory, SequenceBounds

type Server = Connection[tuple[Any, ...]]

TABLES_A_QUERY: Final = 100

# Neither PostgreSQL's own schemas nor members of an extension, which depend on its version.
OURS: Final = """
    nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE deptype = 'e' AND classid = '{catalog}'::regclass AND objid = {catalog}.oid)
"""

TABLES: Final = f"""
    SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND {OURS.format(catalog="pg_class")} ORDER BY 1
"""  # noqa: S608 - made of the constants above

# A sequence that was never used counts as one step before its start. One that cycles can have any value.
SEQUENCES: Final = """
    SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value::numeric - increment_by)::text
    FROM pg_sequences WHERE NOT cycle
"""


def _kinds(label: str, catalog: str, schema: str, condition: str = "true") -> str:
    ours = OURS.format(catalog=catalog)
    return f"""
        SELECT {label}, count(*) FROM {catalog} JOIN pg_namespace ON pg_namespace.oid = {schema}
        WHERE {condition} AND {ours} GROUP BY 1
    """  # noqa: S608 - made of the constants below


# An index that CREATE INDEX CONCURRENTLY did not finish is unused, and pg_dump leaves it out.
RELATIONS: Final = """
    relpersistence <> 't' AND (relkind <> 'i' OR EXISTS (
        SELECT FROM pg_index WHERE indexrelid = pg_class.oid AND indisvalid AND indisready))
"""

# The sizes that their owner may read. Up to the end of the last page: a page of zeros may be missing before, and exists
# after a restore. Each is closed again; OFFSET 0 keeps the calls in this order. 262144 is INV_READ, 2 is SEEK_END.
LARGE_OBJECTS: Final = """
    SELECT 'bytes of large objects', sum(size + closed)
    FROM (
        SELECT lo_lseek64(descriptor, 0, 2) AS size, lo_close(descriptor) AS closed
        FROM (SELECT lo_open(oid, 262144) AS descriptor FROM pg_largeobject_metadata OFFSET 0) AS opened OFFSET 0
    ) AS large_object
    HAVING count(*) > 0
"""

OBJECTS: Final = " UNION ALL ".join(
    [
        _kinds("'relations of kind ' || relkind::text", "pg_class", "relnamespace", RELATIONS),
        # The names and number of not-null constraints (n) depend on the version of the server.
        _kinds("'constraints of kind ' || contype::text", "pg_constraint", "connamespace", "contype NOT IN ('n', 't')"),
        _kinds("'routines of kind ' || prokind::text", "pg_proc", "pronamespace"),
        _kinds("'types of kind ' || typtype::text", "pg_type", "typnamespace", "typtype IN ('d', 'e', 'r')"),
        "SELECT 'triggers', count(*) FROM pg_trigger WHERE NOT tgisinternal HAVING count(*) > 0",
        "SELECT 'policies', count(*) FROM pg_policy HAVING count(*) > 0",
        "SELECT 'large objects', count(*) FROM pg_largeobject_metadata HAVING count(*) > 0",
        LARGE_OBJECTS,
    ]
)


def _owned(catalog: str, owner: str, schema: str) -> str:
    ours = OURS.format(catalog=catalog)
    return f"""
        SELECT FROM {catalog} JOIN pg_namespace ON pg_namespace.oid = {schema} WHERE {owner} = 10 AND {ours}
    """


# The server's first superuser owns things without an entry in pg_shdepend, extensions on every server among them.
NAMES_THE_FIRST: Final = " UNION ALL ".join(
    [
        _owned("pg_class", "relowner", "relnamespace"),
        _owned("pg_proc", "proowner", "pronamespace"),
        _owned("pg_type", "typowner", "typnamespace"),
        _owned("pg_operator", "oprowner", "oprnamespace"),
        _owned("pg_collation", "collowner", "collnamespace"),
        _owned("pg_statistic_ext", "stxowner", "stxnamespace"),
        _owned("pg_ts_config", "cfgowner", "cfgnamespace"),
        _owned("pg_ts_dict", "dictowner", "dictnamespace"),
        f"SELECT FROM pg_namespace WHERE nspowner = 10 AND {OURS.format(catalog='pg_namespace')}",
        "SELECT FROM pg_publication WHERE pubowner = 10",
        "SELECT FROM pg_foreign_server WHERE srvowner = 10",
        "SELECT FROM pg_policy WHERE 10 = ANY(polroles)",
        "SELECT FROM pg_roles WHERE rolsuper AND rolname = current_user",
    ]
)

ROLES: Final = f"""
    SELECT rolname FROM pg_roles WHERE oid IN (
        SELECT refobjid FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid AND datname = current_database()
        WHERE refclassid = 'pg_authid'::regclass) OR oid = 10 AND EXISTS ({NAMES_THE_FIRST})
    ORDER BY 1
"""  # noqa: S608 - made of the constants above


def read_inventory(connection: Server) -> DatabaseInventory:
    """Return the inventory that the connection's transaction sees, without sequences, which are not transactional."""
    return DatabaseInventory(
        rows=dict(_rows(connection)),
        objects={kind: int(number) for kind, number in _fetch(connection, OBJECTS)},
        roles=tuple(role for (role,) in _fetch(connection, ROLES)),
    )


def sequence_values(connection: Server) -> dict[str, int]:
    """Return the current value of each sequence."""
    return {name: int(value) for name, value in _fetch(connection, SEQUENCES)}


def between(before: dict[str, int], after: dict[str, int]) -> dict[str, SequenceBounds]:
    """Return the bounds of the sequences that existed before and after."""
    return {name: SequenceBounds(before=before[name], after=after[name]) for name in before.keys() & after.keys()}


def _rows(connection: Server) -> Iterator[tuple[str, int]]:
    tables = [table for (table,) in _fetch(connection, TABLES)]
    for names in batched(tables, TABLES_A_QUERY):
        # ONLY: a table's children are tables of their own. The names are quoted by the server itself.
        queries = (f"SELECT {index}, count(*) FROM ONLY {name}" for index, name in enumerate(names))  # noqa: S608 - see above
        for index, number in _fetch(connection, " UNION ALL ".join(queries)):
            yield names[index], number


def _fetch(connection: Server, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()
