"""The page of one's tokens, and tokens in the administration."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from bedplate.django.anonymization.registry import discover
from bedplate.django.api import models
from bedplate.django.api.models import ApiToken
from bedplate.testing.plugin import PASSWORD
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from users.models import User

from applications.api.conftest import client_with, token_of

PAGE = "/accounts/tokens/"
FORM = {"name": "Nightly export", "days": "30"}


@pytest.fixture
def own_client(client: Client, user: User) -> Client:
    """Return a client that has signed in as the user, and has just given the password again."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_new_token_is_shown_once_and_works(own_client: Client, user: User) -> None:
    response = own_client.post(PAGE, FORM)
    assert "no-store" in response["Cache-Control"]
    [text] = re.findall(r"api_[\w-]{43}", response.content.decode())
    assert client_with(text).get("/api/me").json()["email"] == user.email
    page = own_client.get(PAGE).content.decode()
    assert text not in page
    assert "Nightly export" in page
    assert f"<code>{text[:12]}…</code>" in page
    days = (ApiToken.objects.get().expires - timezone.now()) / timedelta(days=1)
    assert 29 < days < 30


def test_a_stolen_session_needs_the_password_for_a_token(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.post(PAGE, FORM)["Location"].startswith("/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"name": "a" * 101}, {"name": "a\0b"}, {"days": "31"}, {"days": "x"}, {"days": ""}]
)
def test_a_wrong_form_creates_nothing(own_client: Client, change: dict[str, str]) -> None:
    response = own_client.post(PAGE, {**FORM, **change})
    assert (response.status_code, 'role="alert"' in response.content.decode()) == (200, True)
    assert not ApiToken.objects.exists()


def test_the_maximum_is_an_error_of_the_form(own_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_TOKENS", 1)
    own_client.post(PAGE, FORM)
    assert "Revoke one first." in own_client.post(PAGE, FORM).content.decode()
    assert ApiToken.objects.count() == 1


def test_a_hostile_name_is_escaped(own_client: Client) -> None:
    assert "<script>alert" not in own_client.post(PAGE, {**FORM, "name": "<script>alert(1)</script>"}).content.decode()


def test_a_token_is_revoked_on_its_page(own_client: Client, user: User) -> None:
    api = client_with(token_of(user))
    asked = own_client.get(f"{PAGE}{ApiToken.objects.get().pk}/revoke/").content.decode()
    assert "Revoke <strong>a program</strong>?" in asked
    assert api.get("/api/me").status_code == 200
    own_client.post(f"{PAGE}{ApiToken.objects.get().pk}/revoke/")
    assert api.get("/api/me").status_code == 401


def test_tokens_of_others_are_neither_shown_nor_revoked(own_client: Client, other: User) -> None:
    token_of(other)
    assert "No token yet." in own_client.get(PAGE).content.decode()
    assert own_client.post(f"{PAGE}{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert ApiToken.objects.exists()


def test_an_expired_token_is_marked(own_client: Client, user: User) -> None:
    token_of(user, valid=timedelta(seconds=-1))
    assert "Expired" in own_client.get(PAGE).content.decode()


def test_the_page_needs_a_login(db: None, client: Client) -> None:
    assert client.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"


def test_queries(own_client: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(9):
        token_of(user)
    with django_assert_max_num_queries(5):
        own_client.get(PAGE)


def test_the_administration_shows_tokens_without_secrets(client: Client, staff: User, user: User) -> None:
    token_of(user)
    token = ApiToken.objects.get()
    client.force_login(staff)
    page = client.get(f"/admin/bedplate_api/apitoken/{token.pk}/change/").content.decode()
    assert user.email in page
    assert token.digest not in page
    assert client.get("/admin/bedplate_api/apitoken/add/").status_code == 403


def test_a_user_with_tokens_can_be_deleted_in_the_administration(client: Client, staff: User, user: User) -> None:
    token_of(user)
    client.force_login(staff)
    client.post(f"/admin/users/user/{user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    assert not ApiToken.objects.exists()


def test_no_token_is_in_an_anonymized_copy() -> None:
    assert ApiToken in discover().erased


def test_the_documentation_loads_nothing_from_elsewhere(db: None, client: Client) -> None:
    response = client.get("/api/docs")
    page = response.content.decode()
    assert "unsafe" not in response["Content-Security-Policy"]
    assert re.findall(r'(?:src|href)="(?!/static/|/)', page) == []
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page) == []
    assert re.findall(r"<style|style=|onload=", page) == []


def test_the_description_has_every_operation_with_its_errors(db: None, client: Client) -> None:
    description = client.get("/api/openapi.json").json()
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    assert len(operations) > 8
    for operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert operation["security"]
