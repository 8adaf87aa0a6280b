"""Carrying out the plan on the database that Django is configured for."""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet

from anonymising.plan import Change, Column, Plan, make_plan
from anonymising.postgresql import PostgreSQL
from anonymising.registry import AnonymisingError, Model, Registry, meta
from anonymising.rules import Values
from anonymising.sqlite import SQLite


class Database(Protocol):
    """What the two kinds of database do in ways of their own."""

    def text_columns(self) -> list[Column]:
        """Return the columns that may hold text."""

    def table_of(self, db_table: str) -> str | None:
        """Return a table's name as in `text_columns`, or None."""

    def changing(self) -> Any:
        """Return the context in which rows are changed."""

    def empty(self, table: str) -> int:
        """Delete all rows of a table, and return how many they were."""

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
    with transaction.atomic(), database.changing():
        for model, changes in plan.changes.items():
            if replacements := replacing(changes, key):
                yield meta(model).label, every_row(model).update(**replacements)
        for model in plan.erased:
            deleted, _by_model = every_row(model).delete()
            yield meta(model).label, deleted
        for table in plan.erased_tables:
            yield table, database.empty(table)


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
        "no model has, keep_table or erase_table there. docs/how-to/classify-personal-data.md shows how.",
    ]
    return "\n".join(lines)


def replacing(changes: list[Change], key: str) -> dict[str, Any]:
    """Return the fields whose values change, with what replaces them."""
    replacements = {}
    for change in changes:
        values = Values(field=change.source, column=change.field.attname, key=key)
        if (expression := change.rule.expression(values)) is not None:
            replacements[change.field.name] = expression
    return replacements


def every_row(model: Model) -> QuerySet[Any]:
    """Return all rows: a model's own managers may leave some out."""
    return QuerySet(model)
