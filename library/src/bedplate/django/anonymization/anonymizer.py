"""Carries out the plan on the database that Django is configured for."""

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from bedplate.django.anonymization.erasing import every_row
from bedplate.django.anonymization.plan import AnonymizationPlan, Column, make_plan
from bedplate.django.anonymization.postgresql import PostgreSQL
from bedplate.django.anonymization.registry import AnonymizationError, Model, Registry, meta
from bedplate.django.anonymization.rules import Values
from bedplate.django.anonymization.sqlite import SQLite
from bedplate.django.anonymization.verification import Expectation

DIFFERENT: Final = """Nothing was changed: the database did not change the rows as expected.{}
Something in the database acts on these tables (a rule, trigger, policy or function), or someone writes to them. Drop it
in a migration, stop that, or erase the table: library/docs/how-to/classify-personal-data.md"""


class DatabaseAdapter(Protocol):
    """The operations that differ between PostgreSQL and SQLite."""

    def text_columns(self) -> list[Column]:
        """Return the columns that may contain text."""

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name in the form of `text_columns`, or None."""

    def changing(self) -> Any:
        """Return the context for changing rows."""

    def empty(self, tables: list[str]) -> Iterator[tuple[str, int]]:
        """Delete all rows of these tables, and yield each table with the number of rows."""

    def settle(self) -> None:
        """Run everything that is deferred to the end of the transaction, and check the relations."""

    def count(self, table: str) -> int:
        """Return the number of rows left in a table that was emptied."""

    def changed_besides(self, tables: Iterable[str]) -> Iterable[str]:
        """Return the other tables into which this transaction wrote rows."""

    def compact(self) -> None:
        """Remove old rows from the files."""


def configured_database() -> DatabaseAdapter:
    """Return the database that Django is configured for."""
    return SQLite(connection) if connection.vendor == "sqlite" else PostgreSQL(connection)


def plan_for(database: DatabaseAdapter, *, registry: Registry, models: Iterable[Model]) -> AnonymizationPlan:
    """Return the plan for the models, and for the tables without a model."""
    return make_plan(registry=registry, models=models, columns=database.text_columns(), table_of=database.table_of)


def models_of_all_apps() -> list[Model]:
    """Return every model that may have a table. Raise AnonymizationError if migrations are not applied."""
    executor = MigrationExecutor(connection)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise AnonymizationError(f"{len(missing)} migrations are not applied. Run: python manage.py migrate")
    return [model for model in apps.get_models(include_auto_created=True) if not meta(model).proxy]


def anonymize(
    database: DatabaseAdapter, plan: AnonymizationPlan, *, key: str
) -> Generator[tuple[str, int], None, None]:
    """Change all rows in one transaction, and yield each model or table with the number of changed rows."""
    if plan.problems:
        raise AnonymizationError(describe_problems(plan))
    expectations: list[tuple[Expectation, int]] = []
    with transaction.atomic(), database.changing():
        yield from database.empty(plan.erased_tables)
        for model, rows in plan.erasure.carry_out():
            yield meta(model).label, rows
        for model, replacements in replacements_by_model(plan, key):
            expectation = Expectation.read(model, replacements)
            expectations.append((expectation, every_row(model).update(**replacements)))
            yield meta(model).label, expectation.rows
        database.settle()
        verify(database, plan, expectations)


def verify(database: DatabaseAdapter, plan: AnonymizationPlan, expectations: list[tuple[Expectation, int]]) -> None:
    """Read the tables. Raise AnonymizationError, which rolls back, if they differ from the expectations."""
    differences = [line for expectation, changed in expectations for line in expectation.differences(changed)]
    left = [(meta(model).db_table, every_row(model).count()) for model in plan.erasure.models]
    left += [(table, database.count(table)) for table in plan.erased_tables]
    differences += [f"{table}: {rows} rows are left, although all should be erased" for table, rows in left if rows]
    ours = [one.model for one, _changed in expectations] + [one.model for one in plan.erasure.references]
    elsewhere = database.changed_besides(meta(model).db_table for model in ours)
    differences += [f"{table}: rows were written to it meanwhile" for table in elsewhere]
    if differences:
        raise AnonymizationError(DIFFERENT.format("".join(f"\n  {line}" for line in differences)))


def kept_files(plan: AnonymizationPlan) -> list[str]:
    """Return the paths, relative to MEDIA_ROOT, of the media files that the rule KeepFile keeps."""
    paths: set[str] = set()
    for model, field in plan.kept_file_fields():
        names = every_row(model).values_list(field.name, flat=True)
        paths.update(path_in_media(field, name) for name in names if name)
    return sorted(paths)


def path_in_media(field: Any, name: str) -> str:
    """Return the path, relative to MEDIA_ROOT, of a file in this FileField's storage."""
    return Path(field.storage.path(name)).relative_to(settings.MEDIA_ROOT).as_posix()


def describe_problems(plan: AnonymizationPlan) -> str:
    """Return the problems that prevent the anonymization, and what to do."""
    lines = ["Nothing was changed. There is no rule for these fields and columns:"]
    lines += [f"  {problem}" for problem in plan.problems]
    lines += [
        "Write a rule for app.Model.field in <app>/anonymisation.py, next to models.py. For table.column, which is",
        "in no model, write keep_table or erase_table there. See library/docs/how-to/classify-personal-data.md.",
    ]
    return "\n".join(lines)


def replacements_by_model(plan: AnonymizationPlan, key: str) -> Iterator[tuple[Model, dict[str, Any]]]:
    """Yield each model whose values change, with the expression for each field."""
    for model, changes in plan.changes.items():
        replacements = {}
        for change in changes:
            values = Values(field=change.source, column=change.field.attname, key=key)
            if (expression := change.rule.expression(values)) is not None:
                replacements[change.field.name] = expression
        if replacements:
            yield model, replacements


anonymise = anonymize  # former name, until 1.3
