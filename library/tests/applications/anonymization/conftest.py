"""Fixtures: tables, rules and personal data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from bedplate.django.anonymization.anonymizer import anonymize, configured_database, plan_for
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.registry import Model, Registry, discover
from bedplate.django.anonymization.rules import Clear, Email, Keep, KeepFile, Pseudonym, Replace
from django.db import connection

from applications.anonymization.models import Person, Visit

KEY = "k" * 64


@contextmanager
def tables(*models: Model) -> Iterator[None]:
    """Create the tables of the models, and drop them."""
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for model in reversed(models):
                editor.delete_model(model)


def execute(*statements: str) -> None:
    """Run SQL."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def query(sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def require_superuser(reason: str) -> None:
    """Skip the test if the tests' role on PostgreSQL is not a superuser, like a restore's."""
    if query("SELECT FROM pg_roles WHERE rolname = current_user AND NOT rolsuper"):
        pytest.skip(f"only a superuser {reason}")


@pytest.fixture
def registry() -> Registry:
    """Return a registry with rules for the tests' models only."""
    registry = Registry()
    registry.rules(
        Person,
        code=Pseudonym(),
        email=Email(),
        nickname=Pseudonym("Nick"),
        motto=Pseudonym("Motto"),
        photo=KeepFile(),
        contract=Clear(),
        profile=Replace({}),
        born=Clear(),
    )
    registry.rules(Visit, email=Email(), place=Keep())
    return registry


@pytest.fixture
def people(transactional_db: None) -> Iterator[None]:
    """Create two people and a visit."""
    with tables(Person, Visit):
        Person.objects.create(
            code="ada",
            email="Ada@example.org",
            nickname="Countess"[:6],
            motto="That brain of mine is something more than merely mortal",
            photo="ada at home.png",
            contract="ada.pdf",
            profile={"phone": "123"},
            born=date(1815, 12, 10),
        )
        Person.objects.create(code="bob", email="bob@example.org", motto=None)
        Visit.objects.create(person_id="ada", email="ada@EXAMPLE.org", place="garden")
        yield


@pytest.fixture
def plan(registry: Registry) -> Callable[[], AnonymizationPlan]:
    """Return a function that makes the plan for the tests' models. Its problems include the site's tables."""
    of_the_site = set(discover().kept_tables)

    def make() -> AnonymizationPlan:
        return plan_for(configured_database(), registry=registry, models=[Person, Visit])

    registry.kept_tables |= of_the_site | tables_of_the_site()
    return make


def tables_of_the_site() -> set[str]:
    """Return the table names of the site's models."""
    return set(connection.introspection.django_table_names(only_existing=False))


def run(plan: AnonymizationPlan, key: str = KEY) -> dict[str, int]:
    """Anonymize, and return the number of changed rows of each model."""
    return dict(anonymize(configured_database(), plan, key=key))
