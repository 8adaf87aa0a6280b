import pytest
from bedplate.testing.plugin import MakeUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models.functions import Upper

from users.models import User


def test_an_address_is_stored_in_lower_case(make_user: MakeUser) -> None:
    user = make_user("Ada@Example.ORG")
    assert user.email == "ada@example.org"
    user.refresh_from_db()
    assert user.email == "ada@example.org"


def test_bulk_created_addresses_are_stored_in_lower_case(db: None) -> None:
    User.objects.bulk_create([User(email="Ada@Example.org"), User(email="GRACE@example.org")])
    assert set(User.objects.values_list("email", flat=True)) == {"ada@example.org", "grace@example.org"}


def test_a_user_is_found_whatever_the_case_of_the_address(user: User) -> None:
    assert User.objects.get(email="ADA@Example.org") == user
    assert User.objects.get(email__in=["Ada@example.org"]) == user
    assert User.objects.get_by_natural_key("Ada@Example.Org") == user


def test_an_address_is_unique_whatever_its_case(user: User, make_user: MakeUser) -> None:
    with pytest.raises(IntegrityError):
        make_user("ADA@example.org")


def test_a_form_reports_a_taken_address_whatever_its_case(user: User) -> None:
    with pytest.raises(ValidationError, match="already exists"):
        User(email="ADA@example.org", password="x").full_clean()


def test_the_database_refuses_upper_case_addresses(user: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.update(email=Upper("email"))


def test_a_user_needs_an_address(db: None) -> None:
    with pytest.raises(ValueError, match="email address"):
        User.objects.create_user("")


def test_a_user_without_a_password_cannot_log_in(make_user: MakeUser) -> None:
    assert not make_user(password=None).has_usable_password()
