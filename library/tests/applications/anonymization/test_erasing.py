"""Rows that are deleted with erased rows, without signals."""

from collections.abc import Iterator
from typing import Any

import pytest
from bedplate.django.anonymization.anonymizer import configured_database, plan_for
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.registry import Model, Registry, discover
from bedplate.django.anonymization.rules import Clear, Keep
from bedplate.django.media.models import Document
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, models
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from users.models import User

from applications.anonymization.conftest import run, tables, tables_of_the_site
from applications.anonymization.related_models import (
    ALL,
    Account,
    Badge,
    Invoice,
    Line,
    Paper,
    Passport,
    Receipt,
    Review,
    Stamp,
    Tag,
)


@pytest.fixture
def related(transactional_db: None) -> Iterator[None]:
    """Create the tables."""
    with tables(*ALL):
        yield


def erasing(*erased: Model, without: Model = Invoice, **rules: Any) -> AnonymizationPlan:
    """Return the plan that erases these models."""
    registry = Registry(kept_tables=set(discover().kept_tables) | tables_of_the_site() | {"anonymising_invoice"})
    registry.erase(*erased)
    registry.rules(Tag, key=Keep())
    if rules:
        registry.rules(Invoice, **rules)
    models = [model for model in (*ALL, Account.badges.through) if model is not without]
    return plan_for(configured_database(), registry=registry, models=models)


def test_rows_that_refer_to_erased_rows_follow_on_delete(related: None) -> None:
    one, other = Account.objects.create(), Account.objects.create()
    one.badges.add(Badge.objects.create())
    Review.objects.create(account=one, moderator=other)
    Receipt.objects.create(account=one)
    Line.objects.create(account=other)
    assert run(erasing(Account))["anonymising.Account"] == 2
    assert (Account.objects.count(), Account.badges.through.objects.count(), Line.objects.count()) == (0, 0, 0)
    review = Review.objects.get()
    assert (review.account_id, review.moderator_id) == (None, None)
    assert (Badge.objects.count(), Receipt.objects.count()) == (1, 1)


def test_rows_of_parent_models_and_their_references_are_deleted(related: None) -> None:
    passport = Passport.objects.create(account=Account.objects.create())
    chain = [Stamp.objects.create(paper=passport.paper_ptr)]
    for _ in range(5):
        chain.append(Stamp.objects.create(paper=Paper.objects.create(), before=chain[-1]))
    kept = Stamp.objects.create(paper=Paper.objects.create())
    run(erasing(Account))
    assert (Passport.objects.count(), list(Stamp.objects.all())) == (0, [kept])
    assert Paper.objects.count() == 6


def test_generic_relations_are_deleted_and_those_of_other_models_kept(related: None) -> None:
    account, badge = Account.objects.create(), Badge.objects.create()
    for tagged in (Account, Badge):
        kind = ContentType.objects.create(app_label="anonymising", model=tagged.__name__.lower())
        Tag.objects.create(kind=kind, key=str(account.pk if tagged is Account else badge.pk))
    try:
        run(erasing(Account))
        assert [tag.kind.model for tag in Tag.objects.all()] == ["badge"]
    finally:
        Tag.objects.all().delete()
        ContentType.objects.filter(app_label="anonymising").delete()


def test_a_model_that_protects_erased_rows_is_named(related: None) -> None:
    plan = erasing(Account, without=Badge, id=Keep())
    named = {problem.name: problem.reason for problem in plan.problems}
    assert "protects anonymising.Account" in named["anonymising.Invoice.account"]
    assert "cannot be empty" in named["anonymising.Invoice.seller"]
    assert erasing(Account, Invoice, without=Badge).problems == []


def test_a_rule_can_clear_the_protecting_relation(related: None) -> None:
    plan = erasing(Account, without=Badge, account=Clear())
    assert [problem.name for problem in plan.problems] == ["anonymising.Invoice.seller"]


def test_no_signal_handler_of_an_app_is_called(related: None) -> None:
    Passport.objects.create(account=Account.objects.create())
    called: list[Any] = []

    def handler(sender: Any, **_signal: Any) -> None:
        called.append(sender)

    signals: list[Any] = [pre_delete, post_delete, pre_save, post_save]
    for signal in signals:
        signal.connect(handler)
    try:
        run(erasing(Account))
        assert (called, Account.objects.count()) == ([], 0)
    finally:
        for signal in signals:
            signal.disconnect(handler)


def test_the_files_of_erased_documents_are_kept(transactional_db: None) -> None:
    """The files may be the live installation's, because the database is a copy of it."""
    user = User.objects.create_user("ada@example.org", "correct-horse-9")
    document = Document(owner=user)
    document.file.save("letter.txt", ContentFile(b"Dear Ada"))
    call_command("anonymise", database=str(connection.settings_dict["NAME"]), verbosity=0)
    assert not Document.objects.exists()
    document.file.close()
    with document.file.storage.open(str(document.file.name)) as file:
        assert file.read() == b"Dear Ada"


def test_a_chain_of_relations_has_a_limit(related: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedplate.django.anonymization.erasing.MAX_PASSES", 2)
    stamp = Stamp.objects.create(paper=Passport.objects.create(account=Account.objects.create()).paper_ptr)
    for _ in range(5):
        stamp = Stamp.objects.create(paper=Paper.objects.create(), before=stamp)
    with pytest.raises(Exception, match="after 2 passes"):
        run(erasing(Account))
    assert Account.objects.exists()


def test_relations_without_a_rule_are_unchanged(related: None) -> None:
    review = Review.objects.create(account=Account.objects.create())
    run(erasing(Badge))
    assert Review.objects.get().account_id == review.account_id
    assert isinstance(review.account, models.Model)
