"""Erases rows with SQL only, according to `on_delete`: no signals, no removal of files, no code of an app."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.contenttypes.fields import GenericRelation
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from bedplate.django.anonymization.registry import AnonymizationError, Model, meta

MAX_PASSES: Final = 10_000  # a chain of n rows that each refer to the next needs n passes


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A relation to a model that may lose rows: rows that refer to these are deleted, or their relation is cleared."""

    model: Model
    target: Model
    field: Any
    deletes_rows: bool

    def dangling(self) -> QuerySet[Any]:
        """Return the rows that refer to a deleted row."""
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
    """Erases all rows of these models, and then the rows or relations that refer to them."""

    models: list[Model]
    references: list[Reference]

    def carry_out(self) -> Iterator[tuple[Model, int]]:
        """Erase the rows; yield each model with their number. The transaction checks the relations at its end."""
        for model in self.models:
            yield model, sum(rows for _model, rows in remove(every_row(model)))
        for _pass in range(MAX_PASSES):
            followed = [one for reference in self.references for one in follow(reference)]
            if not any(rows for _model, rows in followed):
                return
            yield from followed
        raise AnonymizationError(f"Rows still refer to erased ones after {MAX_PASSES} passes: nothing was changed.")


def remove(rows: QuerySet[Any]) -> Iterator[tuple[Model, int]]:
    """Delete these rows, and first their rows in parent models; yield each model with the number."""
    for parent, link in parents(rows.model):
        (target,) = link.foreign_related_fields
        yield from remove(every_row(parent).filter(**{f"{target.attname}__in": rows.values(link.attname)}))
    # Django's public delete() sends signals and follows relations in Python: apps' handlers would run.
    yield rows.model, rows._raw_delete(DEFAULT_DB_ALIAS)  # noqa: SLF001


def follow(reference: Reference) -> Iterator[tuple[Model, int]]:
    """Delete the rows with a dangling relation, or clear the relation; yield the model with the number."""
    if reference.deletes_rows:
        yield from remove(reference.dangling())
    else:
        yield reference.model, reference.dangling().update(**{reference.field.name: None})


def plan_erasure(
    erased: Collection[Model], *, with_table: Collection[Model], cleared: Callable[[Model, Any], bool]
) -> tuple[Erasure, list[tuple[Model, Any, str]]]:
    """Return the erasure of these models, and the relations that prevent it, with the reason.

    `cleared(model, field)` returns whether a rule clears this relation.
    """
    losing, references, problems = list(erased), [], []
    for target in losing:  # grows on the way
        deleted = [parent for parent, _link in parents(target)]
        for model, field in relations(with_table, target):
            if isinstance(field, GenericRelation) or cascades(field):
                deleted.append(model)
                references.append(Reference(model=model, target=target, field=field, deletes_rows=True))
            elif reason := obstacle(field) if model not in erased and not cleared(model, field) else "":
                problems.append((model, field, reason))
            elif field.remote_field.on_delete is not models.DO_NOTHING and field.null:
                references.append(Reference(model=model, target=target, field=field, deletes_rows=False))
        losing += [model for model in dict.fromkeys(deleted) if model not in losing]
    return Erasure(models=list(erased), references=references), problems


def cascades(field: Any) -> bool:
    """Return whether a row is deleted together with the row that it refers to."""
    return field.remote_field.on_delete in {models.CASCADE, models.DB_CASCADE}


def obstacle(field: Any) -> str:
    """Return why the rows that this relation refers to cannot be erased, or an empty string."""
    target = meta(field.remote_field.model).label
    if field.remote_field.on_delete in {models.PROTECT, models.RESTRICT}:
        return f"on_delete protects {target}, whose rows are to be erased: erase this model too, or Clear() the field"
    if field.remote_field.on_delete is models.DO_NOTHING or field.null:
        return ""
    return f"it would refer to an erased row of {target}, and cannot be empty: erase this model too"


def relations(models_with_table: Collection[Model], target: Model) -> Iterable[tuple[Model, Any]]:
    """Yield each relation to the target, with the model whose table has it."""
    for model in models_with_table:
        for field in meta(model).local_fields:
            if isinstance(field, models.ForeignObject) and concrete(field.remote_field.model) is target:
                yield model, field
    for field in meta(target).private_fields:
        if isinstance(field, GenericRelation) and (model := concrete(field.remote_field.model)) in models_with_table:
            yield model, field


def concrete(model: Model) -> Model:
    """Return the concrete model of a proxy; any other model itself."""
    return meta(model).concrete_model  # type: ignore[no-any-return] # see meta


def parents(model: Model) -> list[tuple[Model, Any]]:
    """Return the parent models (multi-table inheritance), each with the field that links to it."""
    return [(parent, link) for parent, link in meta(model).parents.items() if link is not None]


def every_row(model: Model) -> QuerySet[Any]:
    """Return all rows: a model's own managers may exclude some."""
    return QuerySet(model)
