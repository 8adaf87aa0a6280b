"""The plan of an anonymization, with its problems: computed from the rules and the database's columns."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from bedplate.django.anonymization.erasing import Erasure, plan_erasure
from bedplate.django.anonymization.registry import Model, Registry, meta
from bedplate.django.anonymization.rules import Clear, Field, Keep, KeepFile, Rule

# Fields that cannot contain text. Class and type must both match: a team's own field may be anything.
SAFE_CLASSES: Final = (
    models.AutoField,
    models.BooleanField,
    models.DateField,
    models.DecimalField,
    models.DurationField,
    models.FloatField,
    models.IntegerField,
    models.TimeField,
    models.UUIDField,
)
SAFE_TYPES: Final = {
    *("AutoField", "BigAutoField", "SmallAutoField", "BooleanField", "DateField", "DateTimeField", "TimeField"),
    *("DecimalField", "DurationField", "FloatField", "UUIDField", "IntegerField", "BigIntegerField"),
    *("SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the database that may contain text. A table outside `public` has its schema in the name."""

    table: str
    name: str
    part_of: str | None = dataclasses.field(default=None, compare=False)
    """The virtual table (SQLite) that this table is a part of, and is dropped with."""

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A field, column or model that prevents the anonymization, and the reason."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field, its rule, and the field whose values it has: itself, or the target of its relation."""

    field: Field
    rule: Rule
    source: Field


@dataclass(frozen=True, kw_only=True)
class AnonymizationPlan:
    """The changes of each model, and of each table without a model."""

    changes: dict[Model, list[Change]]
    erasure: Erasure
    erased_tables: list[str]
    problems: list[Problem]

    def kept_file_fields(self) -> Iterable[tuple[Model, Field]]:
        """Yield the fields whose files are kept."""
        for model, changes in self.changes.items():
            yield from ((model, change.field) for change in changes if isinstance(change.rule, KeepFile))


def make_plan(
    *,
    registry: Registry,
    models: Iterable[Model],
    columns: Iterable[Column],
    table_of: Callable[[str], str | None],
) -> AnonymizationPlan:
    """Return the plan for these models and columns.

    `table_of` returns a `db_table`'s name as in `columns`, and None if it is not a table (an unmanaged model's view).
    """
    tables = {model: table for model in models if (table := table_of(meta(model).db_table)) is not None}
    changes: dict[Model, list[Change]] = {}
    problems: list[Problem] = []
    for model in tables:
        if model not in registry.erased:
            changes[model], unclassified = classify(model, registry)
            problems += unclassified
    erasure, obstacles = plan_erasure(
        [model for model in tables if model in registry.erased], with_table=tables, cleared=is_cleared(registry)
    )
    problems += [Problem(name=label(model, field), reason=reason) for model, field, reason in obstacles]
    found = set(columns)
    problems += unknown_columns(found, tables=tables, changes=changes, registry=registry)
    problems += contradictions(tables, changes)
    return AnonymizationPlan(
        changes=changes,
        erasure=erasure,
        erased_tables=sorted(registry.erased_tables & {column.table for column in found}),
        problems=sorted(problems, key=str),
    )


def unknown_columns(
    found: set[Column], *, tables: dict[Model, str], changes: dict[Model, list[Change]], registry: Registry
) -> Iterable[Problem]:
    """Yield the columns that may contain text, and have a rule neither for the field nor for the table."""
    classified = registry.kept_tables | registry.erased_tables
    known, covered = set(), set()
    for model, table in tables.items():
        known |= {column_of(table, field) for field in local(model)}
        covered |= {column_of(table, field) for field in ruled(model, changes)}
        covered |= {column_of(table, field) for field in local(model) if has_no_own_text(field)}
    for column in found - covered:
        if column in known:
            reason = "the model says that it contains no text, but the column may: write a rule, or migrate"
            yield Problem(name=str(column), reason=reason)
        elif column.table not in classified and column.part_of not in registry.erased_tables:
            yield Problem(name=str(column))


def column_of(table: str, field: Any) -> Column:
    """Return the column of a field."""
    return Column(table=table, name=field.column)


def ruled(model: Model, changes: dict[Model, list[Change]]) -> set[Field]:
    """Return the fields that have a rule: all fields of an erased model."""
    return {change.field for change in changes[model]} if model in changes else set(local(model))


def has_no_own_text(field: Field) -> bool:
    """Return whether a text column has no personal text of its own: SQLite's UUIDs, and generated fields."""
    return isinstance(referred(field), models.UUIDField | models.GeneratedField)


def contradictions(tables: dict[Model, str], changes: dict[Model, list[Change]]) -> Iterable[Problem]:
    """Yield the columns that two models would change: the second would change the values of the first."""
    seen: dict[Column, Change] = {}
    for model, change in ((model, change) for model, listed in changes.items() for change in listed):
        column = column_of(tables[model], change.field)
        if isinstance(change.rule, Keep | KeepFile):
            continue
        if (earlier := seen.setdefault(column, change)) is not change:
            other = label(earlier.field.model, earlier.field)
            yield Problem(
                name=label(model, change.field), reason=f"{other} changes the same column: write Keep() for one of them"
            )


def is_cleared(registry: Registry) -> Callable[[Model, Field], bool]:
    """Return a function that returns whether a rule clears a model's field."""
    return lambda model, field: isinstance(registry.fields.get(model, {}).get(field.name), Clear)


def classify(model: Model, registry: Registry) -> tuple[list[Change], list[Problem]]:
    """Return the changes of a model's fields, and the fields without a usable rule."""
    changes, problems = [], []
    for field in local(model):
        own = registry.fields.get(model, {}).get(field.name)
        source = (
            field if isinstance(own, Clear) else referred(field)
        )  # a relation may be empty though its target is not
        rule = own or rule_of(source, registry)
        if rule is None:
            if may_hold_text(source):
                problems.append(Problem(name=label(model, field)))
        elif reason := rule.problem(source):
            problems.append(Problem(name=label(model, field), reason=reason))
        else:
            changes.append(Change(field=field, rule=rule, source=source))
    return changes, problems


def rule_of(field: Field, registry: Registry) -> Rule | None:
    """Return the rule for a field, from the model whose table has it."""
    return registry.fields.get(field.model, {}).get(field.name)


def referred(field: Any) -> Field:
    """Return the field whose values this one has: itself, or the target of its relation."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field  # type: ignore[no-any-return] # Django's relations are not typed


def may_hold_text(field: Field) -> bool:
    """Return whether the field may contain text: unless known otherwise. Generated fields depend on other fields."""
    if isinstance(field, models.GeneratedField):
        return False
    return not (isinstance(field, SAFE_CLASSES) and field.get_internal_type() in SAFE_TYPES)


def local(model: Model) -> Iterable[Field]:
    """Return the fields that are columns of the model's own table."""
    return meta(model).local_concrete_fields  # type: ignore[no-any-return]


def label(model: Model, field: Field) -> str:
    """Return `app.Model.field`."""
    return f"{meta(model).label}.{field.name}"


Plan = AnonymizationPlan  # former name, until 1.3
