"""The plan, from models and columns."""

from typing import Any

import pytest
from bedplate.django.anonymization import registry as registry_module
from bedplate.django.anonymization.plan import AnonymizationPlan, Column, make_plan, may_hold_text
from bedplate.django.anonymization.registry import AnonymizationError, Model, Registry, discover
from bedplate.django.anonymization.rules import Clear, Keep, Pseudonym
from django.db import models

from applications.anonymization.models import Person, Visit


class Whatever(models.Field):
    """A team's own field, of unknown type."""


class Masked(models.IntegerField):
    """A field whose class is a number, and whose type is text."""

    def get_internal_type(self) -> str:
        """Return the type of the column."""
        return "TextField"


def planned(registry: Registry, *models: Model, columns: tuple[Column, ...] = ()) -> AnonymizationPlan:
    return make_plan(registry=registry, models=models, columns=columns, table_of=lambda name: name)


def problems(registry: Registry, *models: Model, columns: tuple[Column, ...] = ()) -> list[str]:
    return [str(problem) for problem in planned(registry, *models, columns=columns).problems]


def test_every_field_that_may_hold_text_is_named(registry: Registry) -> None:
    registry.fields.clear()
    assert problems(registry, Person, Visit) == [
        *(f"anonymising.Person.{name}" for name in ("code", "contract", "email", "motto", "nickname", "photo")),
        "anonymising.Person.profile",
        *(f"anonymising.Visit.{name}" for name in ("email", "person", "place")),
    ]


def test_with_rules_for_all_fields_there_are_no_problems(registry: Registry) -> None:
    assert problems(registry, Person, Visit) == []


def test_an_unsuitable_rule_is_named_with_the_reason(registry: Registry) -> None:
    registry.rules(Person, code=Clear())
    assert "anonymising.Person.code: Clear would give every row the same value" in problems(registry, Person)[0]


def test_a_relation_uses_the_rule_of_its_target_by_default(registry: Registry) -> None:
    def rule() -> Any:
        (change,) = (one for one in planned(registry, Visit).changes[Visit] if one.field.name == "person")
        return change.rule

    assert rule() == Pseudonym()
    registry.rules(Visit, person=Keep())
    assert rule() == Keep()


@pytest.mark.parametrize(
    "field",
    [
        *(models.CharField(choices=[("a", "A")]), models.TextField(), models.URLField(), models.SlugField()),
        *(models.GenericIPAddressField(), models.FilePathField(), models.BinaryField(), models.JSONField()),
        *(models.ImageField(), models.FileField(), Whatever(), Masked()),
    ],
    ids=lambda field: type(field).__name__,
)
def test_an_unknown_field_may_contain_text(field: Any) -> None:
    assert may_hold_text(field)


@pytest.mark.parametrize(
    "field",
    [
        *(models.BigAutoField(), models.PositiveSmallIntegerField(), models.BooleanField(), models.DateTimeField()),
        *(models.TimeField(), models.DurationField(), models.DecimalField(), models.FloatField(), models.UUIDField()),
    ],
    ids=lambda field: type(field).__name__,
)
def test_numbers_times_and_booleans_contain_no_text(field: Any) -> None:
    assert not may_hold_text(field)


def test_a_column_without_a_field_is_named(registry: Registry) -> None:
    columns = (
        Column(table="anonymising_person", name="code"),
        Column(table="anonymising_person", name="forgotten"),
        Column(table="archive.letters", name="text"),
        Column(table="django_migrations", name="name"),
    )
    assert problems(registry, Person, columns=columns) == ["anonymising_person.forgotten", "archive.letters.text"]


def test_a_text_column_of_a_number_is_named_even_in_a_kept_table(registry: Registry) -> None:
    """The rules for a table apply to columns without a field; here the field's type is wrong."""
    registry.keep_table("anonymising_visit")
    column = Column(table="anonymising_visit", name="id")
    reason = "the model says that it contains no text, but the column may: write a rule, or migrate"
    assert problems(registry, Visit, columns=(column,)) == [f"{column}: {reason}"]


@pytest.mark.parametrize("say", ["keep_table", "erase_table"])
def test_a_kept_or_erased_table_is_not_named(registry: Registry, say: str) -> None:
    getattr(registry, say)("letters")
    column = Column(table="letters", name="text")
    assert problems(registry, columns=(column,)) == []
    assert planned(registry, columns=(column,)).erased_tables == (["letters"] if say == "erase_table" else [])


def test_an_erased_model_needs_no_rules_and_the_last_rule_counts(registry: Registry) -> None:
    registry.erase(Visit)
    assert planned(registry, Visit).erasure.models == [Visit]
    assert problems(registry, Visit) == []
    registry.rules(Visit, place=Keep())
    assert planned(registry, Visit).erasure.models == []
    assert problems(registry, Visit) == ["anonymising.Visit.email"]


def test_a_model_that_is_a_view_needs_no_rules(registry: Registry) -> None:
    registry.fields.clear()
    plan = make_plan(registry=registry, models=[Person], columns=[], table_of=lambda _name: None)
    assert (plan.problems, plan.changes) == ([], {})


def test_a_rule_for_a_missing_field_is_refused(registry: Registry) -> None:
    with pytest.raises(AnonymizationError, match=r"anonymising\.Person\.emial.*anonymisation\.py"):
        registry.rules(Person, emial=Keep())


def test_a_rule_for_an_app_that_is_not_installed_is_ignored(registry: Registry) -> None:
    before = dict(registry.fields)
    registry.rules("no_such_app.Thing", name=Keep())
    registry.erase("no_such_app.Thing")
    assert registry.fields == before


def test_a_teams_rules_are_read_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last rule counts; `users` is installed before the library's applications."""
    read: list[str] = []
    monkeypatch.setattr(registry_module, "import_module", read.append)
    discover()
    assert {"users.anonymisation", "bedplate.django.anonymization.anonymisation"} <= set(read)
    assert [name for name in read if not name.startswith("bedplate.")] == read[read.index("users.anonymisation") :]
