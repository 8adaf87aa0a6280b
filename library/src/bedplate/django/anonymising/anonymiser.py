"""Carrying out the plan on the database that Django is configured for."""

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from bedplate.django.anonymising.erasing import every_row
from bedplate.django.anonymising.plan import Column, Plan, make_plan
from bedplate.django.anonymising.postgresql import PostgreSQL
from bedplate.django.anonymising.registry import AnonymisingError, Model, Registry, meta
from bedplate.django.anonymising.rules import Values
from bedplate.django.anonymising.sqlite import SQLite
from bedplate.django.anonymising.verification import Expectation

DIFFERENT: Final = """Nothing was changed: the database did not do what it was told to.{}
Something in the database acts on these tables (a rule, trigger, policy or function), or someone writes to them. Drop it
in a migration, stop that, or erase the table: library/docs/how-to/classify-personal-data.md"""


class Database(Protocol):
    """What the two kinds of database do in ways of their own."""

    def text_columns(self) -> list[Column]:
        """Return the columns that may hold text."""

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name as in `text_columns`, or None."""

    def changing(self) -> Any:
        """Return the context in which rows are changed."""

    def empty(self, tables: list[str]) -> Iterator[tuple[str, int]]:
        """Delete all rows of these tables, and yield each with how many they were."""

    def settle(self) -> None:
        """Let all happen that waits for the end of the transaction, and check the relations."""

    def count(self, table: str) -> int:
        """Return how many rows are left in a table that was emptied."""

    def changed_besides(self, tables: Iterable[str]) -> Iterable[str]:
        """Return the tables, other than these `db_table`s, into which this transaction wrote rows."""

    def compact(self) -> None:
        """Leave no old rows in the files."""


def configured_database() -> Database:
    """Return the database that Django is configured for."""
    return SQLite(connection) if connection.vendor == "sqlite" else PostgreSQL(connection)


def plan_for(database: Database, *, registry: Registry, models: Iterable[Model]) -> Plan:
    """Return what to do with the models and with the tables that are nobody's."""
    return make_plan(registry=registry, models=models, columns=database.text_columns(), table_of=database.table_of)


def models_of_all_apps() -> list[Model]:
    """Return every model that may have a table. Raise AnonymisingError when the tables are not up to date."""
    executor = MigrationExecutor(connection)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise AnonymisingError(f"{len(missing)} migrations are not applied. Run: python manage.py migrate")
    return [model for model in apps.get_models(include_auto_created=True) if not meta(model).proxy]


def anonymise(database: Database, plan: Plan, *, key: str) -> Generator[tuple[str, int], None, None]:
    """Change all rows in one transaction, and yield each model or table with the number of rows changed."""
    if plan.problems:
        raise AnonymisingError(explain(plan))
    expectations: list[tuple[Expectation, int]] = []
    with transaction.atomic(), database.changing():
        yield from database.empty(plan.erased_tables)
        for model, rows in plan.erasure.carry_out():
            yield meta(model).label, rows
        for model, replacements in replacing(plan, key):
            expectation = Expectation.read(model, replacements)
            expectations.append((expectation, every_row(model).update(**replacements)))
            yield meta(model).label, expectation.rows
        database.settle()
        require_done(database, plan, expectations)


def require_done(database: Database, plan: Plan, expectations: list[tuple[Expectation, int]]) -> None:
    """Raise AnonymisingError unless the tables hold what they should, as reading them shows: it undoes everything."""
    differences = [line for expectation, changed in expectations for line in expectation.differences(changed)]
    left = [(meta(model).db_table, every_row(model).count()) for model in plan.erasure.models]
    left += [(table, database.count(table)) for table in plan.erased_tables]
    differences += [f"{table}: {rows} rows are left, where none should be" for table, rows in left if rows]
    ours = [one.model for one, _changed in expectations] + [one.model for one in plan.erasure.references]
    elsewhere = database.changed_besides(meta(model).db_table for model in ours)
    differences += [f"{table}: rows were written to it meanwhile" for table in elsewhere]
    if differences:
        raise AnonymisingError(DIFFERENT.format("".join(f"\n  {line}" for line in differences)))


def kept_files(plan: Plan) -> list[str]:
    """Return the media files that the rule KeepFile keeps, by their paths below MEDIA_ROOT."""
    paths: set[str] = set()
    for model, field in plan.kept_file_fields():
        names = every_row(model).values_list(field.name, flat=True)
        paths.update(path_in_media(field, name) for name in names if name)
    return sorted(paths)


def path_in_media(field: Any, name: str) -> str:
    """Return the path below MEDIA_ROOT of a file in this FileField's storage."""
    return Path(field.storage.path(name)).relative_to(settings.MEDIA_ROOT).as_posix()


def explain(plan: Plan) -> str:
    """Return what stands against anonymising, and what to do."""
    lines = ["Nothing was changed: of these, no rule says what becomes of them."]
    lines += [f"  {problem}" for problem in plan.problems]
    lines += [
        "Write the rule for app.Model.field in <app>/anonymisation.py, beside models.py; for table.column, which",
        "no model has, keep_table or erase_table there. library/docs/how-to/classify-personal-data.md shows how.",
    ]
    return "\n".join(lines)


def replacing(plan: Plan, key: str) -> Iterator[tuple[Model, dict[str, Any]]]:
    """Yield the models with fields whose values change: the fields, with what replaces the values."""
    for model, changes in plan.changes.items():
        replacements = {}
        for change in changes:
            values = Values(field=change.source, column=change.field.attname, key=key)
            if (expression := change.rule.expression(values)) is not None:
                replacements[change.field.name] = expression
        if replacements:
            yield model, replacements
