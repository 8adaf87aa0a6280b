"""The data for the backups: tables of a shop, in SQL, of any size."""

from collections.abc import Sequence
from typing import Final

from stack.chaos.project import ChaosStack

# Each 1,000 rows are about 0.35 MB with their indexes, and a sixth of that in a dump with zstd:1.
ROWS_A_MEGABYTE: Final = 2840
# The share of the rows that each table has.
TABLES: Final = {"orders": 0.4, "messages": 0.3, "visits": 0.2, "products": 0.1}

MAKE: Final = """
    DROP TABLE IF EXISTS {table};
    CREATE TABLE {table} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, email text NOT NULL,
        state text NOT NULL, amount numeric(12, 2) NOT NULL, token text NOT NULL, note text NOT NULL);
    INSERT INTO {table} (at, email, state, amount, token, note)
        SELECT timestamptz '2026-01-01' + n * interval '17 seconds', 'customer' || n * 7919 % 100003 || '@example.com',
            (ARRAY['new', 'paid', 'sent', 'returned'])[(1 + n % 4)::int], (n * 7919 % 100000) / 100.0,
            md5(n::text) || md5((-n)::text),
            substr({text}, (1 + n * 31 % 4000)::int, 60) || substr({text}, (1 + n * 101 % 4000)::int, 80)
        FROM generate_series(1::bigint, {rows}) AS n;
    CREATE INDEX ON {table} (at);
    CREATE INDEX ON {table} (email);
    ANALYZE {table};
"""
# 4,800 characters in which no two places are alike.
TEXT: Final = "(SELECT string_agg(md5(w::text), ' ') FROM generate_series(1, 146) AS w)"


def fill(chaos_stack: ChaosStack, megabytes: int) -> int:
    """Fill the live database to about this size. Return its size in bytes."""
    for statement in statements(megabytes):
        chaos_stack.query(statement)
    return int(chaos_stack.query("SELECT pg_database_size(current_database())"))


def statements(megabytes: int) -> Sequence[str]:
    """Return the statements that create the tables."""
    rows = {table: int(megabytes * ROWS_A_MEGABYTE * share) for table, share in TABLES.items()}
    return [MAKE.format(table=f"sample_{table}", rows=number, text=TEXT) for table, number in rows.items()]


def add_media(chaos_stack: ChaosStack, *, files: int, size: int, seed: int) -> int:
    """Write this number of files, with the same names for every seed. Return their bytes."""
    for number in range(files):
        chaos_stack.ask("add_media", name=f"{number % 100:02}/{number}.bin", size=size, seed=seed)
    return files * size
