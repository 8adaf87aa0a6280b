"""Compares what was to change with what the tables hold afterwards, whatever the database says of its updates."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.db import connection, models
from django.db.models import Count, F, Func, Sum
from django.db.models.expressions import Combinable

from bedplate.django.anonymising.erasing import every_row
from bedplate.django.anonymising.registry import Model, meta
from bedplate.django.anonymising.rules import Field


class Fingerprint(Func):
    """A number of 64 bits that follows from a value, as a column of the field's type holds it."""

    function = "anonymising_fingerprint"  # on SQLite: of `register_fingerprint`
    arity = 1

    def __init__(self, value: Combinable, *, column_type: str = "") -> None:
        super().__init__(value, output_field=models.BigIntegerField())
        self.column_type = column_type

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL. The cast comes first, as a column casts what it is given."""
        cast = f"::{self.column_type}".replace("%", "%%")
        template = f'HASHTEXTEXTENDED((%(expressions)s){cast}::text COLLATE "C", 0::bigint)'
        return self.as_sql(compiler, connection, template=template, **context)


def register_fingerprint() -> None:
    """Let SQLite compute fingerprints, small enough for their sum."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.create_function(Fingerprint.function, 1, fingerprint, deterministic=True)


def fingerprint(value: object) -> int | None:
    """Return 32 bits of a hash. Numbers agree with the text that says them: a column's type decides which it holds."""
    if value is None:
        return None
    try:
        data = str(float(value)).encode() if isinstance(value, int | float | str) else bytes(value)  # type: ignore[call-overload] # SQLite has no other types
    except ValueError:
        data = str(value).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest())


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a model's table is to hold once its rows are changed: sums over the replacements, not a copy of them."""

    model: Model
    rows: int
    sums: Mapping[str, Any]

    @classmethod
    def read(cls, model: Model, replacements: Mapping[str, Combinable]) -> Self:
        """Return what is to be found afterwards. It reads the values that are still there."""
        rows, sums = totals(model, replacements)
        return cls(model=model, rows=rows, sums=sums)

    def differences(self, changed: int) -> Iterable[str]:
        """Yield what is not as expected: `table.column: …`. The database claims to have `changed` so many rows."""
        table = meta(self.model).db_table
        rows, sums = totals(self.model, {name: F(name) for name in self.sums})
        if rows != self.rows:
            yield f"{table}: {rows} rows, where {self.rows} were to change"
        for name, expected in self.sums.items():
            if sums[name] != expected:
                column = meta(self.model).get_field(name).column
                yield f"{table}.{column}: {self.rows} rows were to change, {changed} did; not all hold what they should"


def totals(model: Model, values: Mapping[str, Combinable]) -> tuple[int, dict[str, Any]]:
    """Return the number of rows, and the sum of the fingerprints of each of these values."""
    register_fingerprint()
    # Names that no field of the model has.
    sums = {
        f"anonymising_{name}": Sum(Fingerprint(value, column_type=column_type(meta(model).get_field(name))))
        for name, value in values.items()
    }
    found = every_row(model).aggregate(anonymising_=Count("*"), **sums)
    return found["anonymising_"], {name: found[f"anonymising_{name}"] for name in values}


def column_type(field: Field) -> str:
    """Return the type of a field's column."""
    return str(field.cast_db_type(connection))
