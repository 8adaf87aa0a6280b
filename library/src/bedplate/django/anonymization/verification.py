"""Compares the expected values with the values in the tables, without trust in the database's row counts."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.db import connection, models
from django.db.models import Count, F, Func, Sum
from django.db.models.expressions import Combinable

from bedplate.django.anonymization.erasing import every_row
from bedplate.django.anonymization.registry import Model, meta
from bedplate.django.anonymization.rules import Field


class Fingerprint(Func):
    """A 64-bit hash of a value, in the form in which a column of the field's type stores it."""

    function = "anonymising_fingerprint"  # on SQLite: of `register_fingerprint`
    arity = 1

    def __init__(self, value: Combinable, *, column_type: str = "") -> None:
        super().__init__(value, output_field=models.BigIntegerField())
        self.column_type = column_type

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for PostgreSQL. It casts the value first, as a column does."""
        cast = f"::{self.column_type}".replace("%", "%%")
        template = f'HASHTEXTEXTENDED((%(expressions)s){cast}::text COLLATE "C", 0::bigint)'
        return self.as_sql(compiler, connection, template=template, **context)


def register_fingerprint() -> None:
    """Register the function for fingerprints in SQLite, small enough for their sum."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.create_function(Fingerprint.function, 1, fingerprint, deterministic=True)


def fingerprint(value: object) -> int | None:
    """Return 32 bits of a hash. A number and its text are equal: the column's type decides which one is stored."""
    if value is None:
        return None
    try:
        data = str(float(value)).encode() if isinstance(value, int | float | str) else bytes(value)  # type: ignore[call-overload] # SQLite has no other types
    except ValueError:
        data = str(value).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest())


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The expected contents of a model's table after the change: sums over the new values, not a copy of them."""

    model: Model
    rows: int
    sums: Mapping[str, Any]

    @classmethod
    def read(cls, model: Model, replacements: Mapping[str, Combinable]) -> Self:
        """Compute the expectation, from the values before the change."""
        rows, sums = totals(model, replacements)
        return cls(model=model, rows=rows, sums=sums)

    def differences(self, changed: int) -> Iterable[str]:
        """Yield each difference: `table.column: …`. `changed` is the number of rows that the database reported."""
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
