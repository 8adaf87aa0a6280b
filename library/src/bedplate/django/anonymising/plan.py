"""What anonymising will do, and what stands against it: pure, from the rules and the database's columns."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from bedplate.django.anonymising.erasing import Erasure, plan_erasure
from bedplate.django.anonymising.registry import Model, Registry, meta
from bedplate.django.anonymising.rules import Clear, Field, Keep, KeepFile, Rule

# The kinds of field that cannot hold text. Both must agree: a field of a team's own may be anything.
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
    """A column of a table that may hold text, as the database tells. A table outside `public` has its schema's name."""

    table: str
    name: str
    part_of: str | None = dataclasses.field(default=None, compare=False)
    """The table that goes, and takes this one along: SQLite's virtual tables have such parts."""

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A field, column or model that stops the anonymising, and why."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field, the rule for it, and the field whose values it holds: its own, or the one that it refers to."""

    field: Field
    rule: Rule
    source: Field


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do with each model and each table without one."""

    changes: dict[Model, list[Change]]
    erasure: Erasure
    erased_tables: list[str]
    problems: list[Problem]

    def kept_file_fields(self) -> Iterable[tuple[Model, Field]]:
        """Yield the fields whose files stay."""
        for model, changes in self.changes.items():
            yield from ((model, change.field) for change in changes if isinstance(change.rule, KeepFile))


def make_plan(
    *,
    registry: Registry,
    models: Iterable[Model],
    columns: Iterable[Column],
    table_of: Callable[[str], str | None],
) -> Plan:
    """Return what to do with these models and columns.

    `table_of` gives a `db_table`'s name as in `columns`, and None for what is no table (an unmanaged model's view).
    """
    tables = {model: table for model in models if (table := table_of(meta(model).db_table)) is not None}
    changes: dict[Model, list[Change]] = {}
    problems: list[Problem] = []
    for model in tables:
        if model not in registry.erased:
            changes[model], unclassified = classify(model, registry)
            problems += unclassified
    erasure, hindrances = plan_erasure(
        [model for model in tables if model in registry.erased], with_table=tables, cleared=is_cleared(registry)
    )
    problems += [Problem(name=label(model, field), reason=reason) for model, field, reason in hindrances]
    found = set(columns)
    problems += unknown_columns(found, tables=tables, changes=changes, registry=registry)
    problems += contradictions(tables, changes)
    return Plan(
        changes=changes,
        erasure=erasure,
        erased_tables=sorted(registry.erased_tables & {column.table for column in found}),
        problems=sorted(problems, key=str),
    )


def unknown_columns(
    found: set[Column], *, tables: dict[Model, str], changes: dict[Model, list[Change]], registry: Registry
) -> Iterable[Problem]:
    """Yield the columns that may hold text, and for which neither a rule of a model nor one of the table speaks."""
    classified = registry.kept_tables | registry.erased_tables
    known, covered = set(), set()
    for model, table in tables.items():
        known |= {column_of(table, field) for field in local(model)}
        covered |= {column_of(table, field) for field in ruled(model, changes)}
        covered |= {column_of(table, field) for field in local(model) if holds_no_text_by_itself(field)}
    for column in found - covered:
        if column in known:
            reason = "the model says that it holds no text, the column may: write a rule, or migrate"
            yield Problem(name=str(column), reason=reason)
        elif column.table not in classified and column.part_of not in registry.erased_tables:
            yield Problem(name=str(column))


def column_of(table: str, field: Any) -> Column:
    """Return the column of a field."""
    return Column(table=table, name=field.column)


def ruled(model: Model, changes: dict[Model, list[Change]]) -> set[Field]:
    """Return the fields for which a rule speaks; those of a model that is erased are all of them."""
    return {change.field for change in changes[model]} if model in changes else set(local(model))


def holds_no_text_by_itself(field: Field) -> bool:
    """Return whether what a text column holds is no text of a person: SQLite's UUIDs, and what follows other fields."""
    return isinstance(referred(field), models.UUIDField | models.GeneratedField)


def contradictions(tables: dict[Model, str], changes: dict[Model, list[Change]]) -> Iterable[Problem]:
    """Yield the columns that two models would change: the second one would change what the first one wrote."""
    seen: dict[Column, Change] = {}
    for model, change in ((model, change) for model, those in changes.items() for change in those):
        column = column_of(tables[model], change.field)
        if isinstance(change.rule, Keep | KeepFile):
            continue
        if (earlier := seen.setdefault(column, change)) is not change:
            other = label(earlier.field.model, earlier.field)
            yield Problem(
                name=label(model, change.field), reason=f"{other} changes the same column: say Keep() for one"
            )


def is_cleared(registry: Registry) -> Callable[[Model, Field], bool]:
    """Return what tells whether a rule makes a model's field empty."""
    return lambda model, field: isinstance(registry.fields.get(model, {}).get(field.name), Clear)


def classify(model: Model, registry: Registry) -> tuple[list[Change], list[Problem]]:
    """Return what becomes of a model's fields, and those of which that cannot be told."""
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
    """Return the rule for a field, by the model whose table has it."""
    return registry.fields.get(field.model, {}).get(field.name)


def referred(field: Any) -> Field:
    """Return the field whose values this one holds: itself, or where its relation leads."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field  # type: ignore[no-any-return] # Django's relations are not typed


def may_hold_text(field: Field) -> bool:
    """Return whether the field may hold text: all do but those known not to. A generated one follows the others."""
    if isinstance(field, models.GeneratedField):
        return False
    return not (isinstance(field, SAFE_CLASSES) and field.get_internal_type() in SAFE_TYPES)


def local(model: Model) -> Iterable[Field]:
    """Return the fields that are columns of the model's own table."""
    return meta(model).local_concrete_fields  # type: ignore[no-any-return]


def label(model: Model, field: Field) -> str:
    """Return `app.Model.field`."""
    return f"{meta(model).label}.{field.name}"
