"""Pseudonyms from the database: equal for equal values, different for different ones, and of the right form."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bedplate.django.anonymization.registry import meta
from bedplate.django.anonymization.rules import (
    Clear,
    Email,
    Keep,
    KeepFile,
    Pseudonym,
    Replace,
    Rule,
    UnusablePassword,
    Values,
    secret,
)
from django.db import models
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from applications.anonymization.conftest import KEY, tables
from applications.anonymization.models import Person

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FEW = examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

type Replaced = Callable[..., list[str | None]]


@pytest.fixture
def replaced(transactional_db: None) -> Iterator[Replaced]:
    """Return a function that replaces values in the database: `replaced(rule, values)`."""

    def replace(rule: Rule, values: list[str], *, column: str = "motto", key: str = KEY) -> list[str | None]:
        Person.objects.all().delete()
        Person.objects.bulk_create(
            Person(code=str(number), email=f"{number}@example.org", **{column: value})
            for number, value in enumerate(values)
        )
        field: Any = meta(Person).get_field(column)
        expression = rule.expression(Values(field=field, column=column, key=key))
        Person.objects.update(**{column: expression})
        by_code = dict(Person.objects.values_list("code", column))
        return [by_code[str(number)] for number in range(len(values))]

    with tables(Person):
        yield replace


@FEW
@given(values=st.lists(TEXT, min_size=1, max_size=8))
def test_different_values_get_different_pseudonyms(replaced: Replaced, values: list[str]) -> None:
    found = replaced(Pseudonym("Motto"), values)
    assert len(set(found)) == len(set(values))
    assert len(set(zip(values, found, strict=True))) == len(set(values))
    assert found == replaced(Pseudonym("Motto"), values)


@FEW
@given(value=TEXT.filter(bool), label=st.text("abc", max_size=30), length=st.integers(1, 60))
def test_a_pseudonym_fits_and_does_not_show_its_value(replaced: Replaced, value: str, label: str, length: int) -> None:
    field = models.CharField(max_length=length)
    Person.objects.all().delete()
    Person.objects.create(code="1", motto=value)
    expression = Pseudonym(label).expression(Values(field=field, column="motto", key=KEY))
    assert expression is not None
    Person.objects.update(motto=expression)
    (found,) = Person.objects.values_list("motto", flat=True)
    assert re.fullmatch(rf"({label}-)?[0-9a-f]{{{min(length, 16)}}}", str(found))
    assert len(str(found)) <= length


@FEW
@given(email=st.emails().filter(lambda email: len(email) < 200))
def test_an_address_gets_one_pseudonym_whatever_its_case(replaced: Replaced, email: str) -> None:
    first, second, other = replaced(Email(), [email.upper(), email.lower(), f"x{email}"])
    assert first == second != other
    assert re.fullmatch(r"user-[0-9a-f]{16}@example\.invalid", str(first))


@pytest.mark.parametrize("rule", [Pseudonym("Motto"), Email()])
def test_another_key_gives_other_pseudonyms(replaced: Replaced, rule: Rule) -> None:
    assert replaced(rule, ["ada"]) != replaced(rule, ["ada"], key="o" * 64)


def test_the_key_is_derived_from_the_secret_key(settings: Settings) -> None:
    before = secret()
    assert before == secret()
    assert len(before) == 64
    settings.SECRET_KEY = "another-secret-key-another-secret-key"
    assert secret() != before


@pytest.mark.parametrize(
    ("rule", "field", "reason"),
    [
        (Keep(), models.FileField(), "KeepFile"),
        (KeepFile(), models.TextField(), "use Keep"),
        (Clear(), models.CharField(unique=True, max_length=9), "unique"),
        (Clear(), models.JSONField(), "use Replace"),
        (Clear(), models.DateField(), "use Replace"),
        (Replace("x"), models.CharField(unique=True, max_length=9), "unique"),
        (Pseudonym(), models.JSONField(), "Pseudonym is for text"),
        (Pseudonym(), models.CharField(unique=True, max_length=11), "too short"),
        (Email(), models.EmailField(max_length=36), "37 or more characters"),
        (UnusablePassword(), models.JSONField(), "for text"),
    ],
)
def test_an_unsuitable_rule_returns_the_reason(rule: Rule, field: models.Field, reason: str) -> None:
    assert reason in rule.problem(field)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (Clear(), models.JSONField(null=True)),
        (Clear(), models.TextField()),
        (Clear(), models.FileField()),
        (Pseudonym(), models.CharField(unique=True, max_length=12)),
        (Email(), models.EmailField(max_length=37)),
    ],
)
def test_a_suitable_rule_has_no_problem(rule: Rule, field: models.Field) -> None:
    assert rule.problem(field) == ""
