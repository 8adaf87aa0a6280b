"""Erases rows with SQL alone, as `on_delete` says: no signal is sent, no file removed, no code of an app runs."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.contenttypes.fields import GenericRelation
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from bedplate.django.anonymising.registry import AnonymisingError, Model, meta

LONGEST_CHAIN: Final = 10_000  # of rows that each refer to the next: a pass each


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A relation to a model that may lose rows; when it does, the rows that refer to them go, or the relation ends."""

    model: Model
    target: Model
    field: Any
    rows_go: bool

    def dangling(self) -> QuerySet[Any]:
        """Return the rows that refer to a row which is gone."""
        if isinstance(self.field, GenericRelation):
            return self._dangling_of_any_model()
        pairs = [(own.attname, target.attname) for own, target in self.field.related_fields]
        referring = Q(**{f"{own}__isnull": False for own, _target in pairs})
        found = every_row(self.target).filter(**{target: OuterRef(own) for own, target in pairs})
        return every_row(self.model).filter(referring & ~Exists(found))

    def _dangling_of_any_model(self) -> QuerySet[Any]:
        name, own = self.field.content_type_field_name, self.field.object_id_field_name
        key = Cast("pk", output_field=meta(self.model).get_field(own))
        found = every_row(self.target).annotate(anonymising_key=key).filter(anonymising_key=OuterRef(own))
        of_target = {f"{name}__app_label": meta(self.target).app_label, f"{name}__model": meta(self.target).model_name}
        return every_row(self.model).filter(Q(**of_target) & ~Exists(found))


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """All rows of these models go, and what refers to them follows."""

    models: list[Model]
    references: list[Reference]

    def carry_out(self) -> Iterator[tuple[Model, int]]:
        """Yield each model with the number of its rows erased. Relations are checked when the transaction ends."""
        for model in self.models:
            yield model, sum(rows for _model, rows in remove(every_row(model)))
        for _pass in range(LONGEST_CHAIN):
            followed = [one for reference in self.references for one in follow(reference)]
            if not any(rows for _model, rows in followed):
                return
            yield from followed
        raise AnonymisingError(f"Rows still refer to erased ones after {LONGEST_CHAIN} passes: nothing was changed.")


def remove(rows: QuerySet[Any]) -> Iterator[tuple[Model, int]]:
    """Delete these rows, and first the parts of them that parent models hold; yield each model with their number."""
    for parent, link in parents(rows.model):
        (target,) = link.foreign_related_fields
        yield from remove(every_row(parent).filter(**{f"{target.attname}__in": rows.values(link.attname)}))
    # Django's public delete() sends signals and follows relations in Python: apps' handlers would run.
    yield rows.model, rows._raw_delete(DEFAULT_DB_ALIAS)  # noqa: SLF001


def follow(reference: Reference) -> Iterator[tuple[Model, int]]:
    """Remove the rows that refer to nothing any more, or end their relation; yield the model with their number."""
    if reference.rows_go:
        yield from remove(reference.dangling())
    else:
        yield reference.model, reference.dangling().update(**{reference.field.name: None})


def plan_erasure(
    erased: Collection[Model], *, with_table: Collection[Model], cleared: Callable[[Model, Any], bool]
) -> tuple[Erasure, list[tuple[Model, Any, str]]]:
    """Return what goes with the erased models, and the relations that stand against it, with the reason.

    `cleared(model, field)` says that a rule makes this relation empty.
    """
    losing, references, problems = list(erased), [], []
    for target in losing:  # grows on the way
        gone = [parent for parent, _link in parents(target)]
        for model, field in relations(with_table, target):
            if isinstance(field, GenericRelation) or goes_along(field):
                gone.append(model)
                references.append(Reference(model=model, target=target, field=field, rows_go=True))
            elif reason := hindrance(field) if model not in erased and not cleared(model, field) else "":
                problems.append((model, field, reason))
            elif field.remote_field.on_delete is not models.DO_NOTHING and field.null:
                references.append(Reference(model=model, target=target, field=field, rows_go=False))
        losing += [model for model in dict.fromkeys(gone) if model not in losing]
    return Erasure(models=list(erased), references=references), problems


def goes_along(field: Any) -> bool:
    """Return whether a row goes when the row it refers to does."""
    return field.remote_field.on_delete in {models.CASCADE, models.DB_CASCADE}


def hindrance(field: Any) -> str:
    """Return why the rows that this relation leads to cannot be erased, or nothing."""
    target = meta(field.remote_field.model).label
    if field.remote_field.on_delete in {models.PROTECT, models.RESTRICT}:
        return f"on_delete protects {target}, whose rows are to be erased: erase this model too, or Clear() the field"
    if field.remote_field.on_delete is models.DO_NOTHING or field.null:
        return ""
    return f"it would lead to an erased row of {target}, and cannot be empty: erase this model too"


def relations(models_with_table: Collection[Model], target: Model) -> Iterable[tuple[Model, Any]]:
    """Yield each relation that leads to the target, with the model whose table holds it."""
    for model in models_with_table:
        for field in meta(model).local_fields:
            if isinstance(field, models.ForeignObject) and concrete(field.remote_field.model) is target:
                yield model, field
    for field in meta(target).private_fields:
        if isinstance(field, GenericRelation) and (model := concrete(field.remote_field.model)) in models_with_table:
            yield model, field


def concrete(model: Model) -> Model:
    """Return the model itself, or that of which it is a proxy."""
    return meta(model).concrete_model  # type: ignore[no-any-return] # see meta


def parents(model: Model) -> list[tuple[Model, Any]]:
    """Return the models whose tables hold a part of this model's rows, with the field that leads there."""
    return [(parent, link) for parent, link in meta(model).parents.items() if link is not None]


def every_row(model: Model) -> QuerySet[Any]:
    """Return all rows: a model's own managers may leave some out."""
    return QuerySet(model)
