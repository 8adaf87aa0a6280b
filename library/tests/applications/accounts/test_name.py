"""The page for one's name."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from users.models import User

ADDRESS = "/accounts/name/"


def test_a_user_changes_the_name(ada_client: Client, user: User) -> None:
    page = ada_client.post(ADDRESS, {"name": " Ada  Lovelace "}, follow=True).content.decode()
    user.refresh_from_db()
    assert user.name == "Ada Lovelace"
    assert "Your name is saved." in page
    assert 'value="Ada Lovelace"' in page
    assert user.email == "ada@example.org"


def test_a_name_can_be_removed(ada_client: Client, user: User) -> None:
    User.objects.update(name="Ada")
    ada_client.post(ADDRESS, {"name": ""})
    user.refresh_from_db()
    assert user.name == ""


def test_no_other_field_is_changed(ada_client: Client, user: User) -> None:
    ada_client.post(ADDRESS, {"name": "Ada", "email": "other@example.org", "is_staff": "on", "is_superuser": "on"})
    user.refresh_from_db()
    assert (user.name, user.email, user.is_staff, user.is_superuser) == ("Ada", "ada@example.org", False, False)


@pytest.mark.parametrize(
    ("sent", "saved"),
    [
        ("Zoë 🌻 李", "Zoë 🌻 李"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\r\nBcc: b", "a Bcc: b"),
    ],
)
def test_a_name_may_have_any_characters_and_is_one_line(ada_client: Client, user: User, sent: str, saved: str) -> None:
    page = ada_client.post(ADDRESS, {"name": sent}, follow=True).content.decode()
    user.refresh_from_db()
    assert user.name == saved
    assert "<script>alert" not in page


@pytest.mark.parametrize("sent", ["x" * 151, "x" * 100_000, "a\0b"])
def test_an_impossible_name_is_refused_at_the_field(ada_client: Client, user: User, sent: str) -> None:
    User.objects.update(name="Ada")
    response = ada_client.post(ADDRESS, {"name": sent})
    assert response.status_code == 200
    assert response.context["form"].errors["name"]
    user.refresh_from_db()
    assert user.name == "Ada"
    header = response.content.decode().partition("</header>")[0]
    assert ">Ada</a>" in header


def test_the_page_needs_a_login(client: Client, db: None) -> None:
    assert client.get(ADDRESS)["Location"] == f"/accounts/login/?next={ADDRESS}"


def test_the_page_needs_at_most_five_queries(
    ada_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(5):
        ada_client.get(ADDRESS)
