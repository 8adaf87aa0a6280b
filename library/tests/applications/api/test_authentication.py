"""Who may call the API: tokens and sessions."""

from datetime import timedelta

import pytest
from allauth.account.app_settings import PASSWORD_RESET_TOKEN_GENERATOR
from allauth.account.utils import user_pk_to_url_str
from bedplate.django.api import models
from bedplate.django.api.models import ApiToken
from django.conf import settings
from django.db import InternalError, OperationalError
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.utils import timezone
from users.models import User

from applications.api.conftest import client_with, token_of

JSON = "application/json"


def test_a_token_names_its_user(user: User, other: User) -> None:
    assert client_with(token_of(user)).get("/api/me").json()["email"] == user.email
    assert client_with(token_of(other)).get("/api/me").json()["email"] == other.email


def test_a_change_with_a_token_needs_no_csrf_token(user: User) -> None:
    client = client_with(token_of(user))
    client.handler.enforce_csrf_checks = True
    assert client.patch("/api/me", {"name": "Ada"}, content_type=JSON).status_code == 200
    user.refresh_from_db()
    assert user.name == "Ada"


@pytest.mark.parametrize("token", ["", "x", "api_", "é", "a" * 10_000, "api_x y"])
def test_a_wrong_token_is_refused(db: None, token: str) -> None:
    response = client_with(token).get("/api/me")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")


def test_a_wrong_token_is_refused_also_with_a_session(user: User) -> None:
    client = client_with("wrong")
    client.force_login(user)
    assert client.get("/api/me").status_code == 401


def test_the_password_of_dev_does_not_disturb_a_session(client: Client, user: User) -> None:
    client.force_login(user)
    response = client.get("/api/me", headers={"Authorization": "Basic ZGV2OnBhc3N3b3Jk"})
    assert response.json()["email"] == user.email


def test_no_answer_is_cached(api: Client) -> None:
    assert api.get("/api/me")["Cache-Control"] == "private, no-store"


def test_an_expired_token_is_refused(user: User) -> None:
    assert client_with(token_of(user, valid=timedelta(seconds=-1))).get("/api/me").status_code == 401


def test_a_reset_of_the_password_by_mail_revokes_the_users_tokens(client: Client, api: Client, other: User) -> None:
    """A user who lost the account may have lost the mailbox's password too: the thief may have made a token."""
    others = client_with(token_of(other))
    user = User.objects.get(email="ada@example.org")
    key = f"{user_pk_to_url_str(user)}-{PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)}"
    form = client.get(f"/accounts/password/reset/key/{key}/")["Location"]
    client.post(form, {"password1": "another-horse-10", "password2": "another-horse-10"})
    user.refresh_from_db()
    assert user.check_password("another-horse-10")
    assert api.get("/api/me").status_code == 401
    assert others.get("/api/me").status_code == 200


def test_the_token_of_an_inactive_user_is_refused(api: Client) -> None:
    User.objects.update(is_active=False)
    assert api.get("/api/me").status_code == 401


def test_a_revoked_token_is_refused(api: Client) -> None:
    ApiToken.objects.all().delete()
    assert api.get("/api/me").status_code == 401


def test_the_database_has_no_token_in_clear(user: User) -> None:
    text = token_of(user)
    stored = " ".join(str(value) for row in ApiToken.objects.values() for value in row.values())
    assert text not in stored
    assert ApiToken.objects.get().prefix == text[:12]


def test_the_last_use_is_recorded_once_a_minute(user: User) -> None:
    text, now = token_of(user), timezone.now()
    for seconds, expected in ((0, 0), (30, 0), (61, 61)):
        ApiToken.objects.authenticate(text, now=now + timedelta(seconds=seconds))
        assert ApiToken.objects.get().last_used == now + timedelta(seconds=expected)


@pytest.mark.parametrize("error", [OperationalError, InternalError])
def test_a_read_only_database_refuses_no_token(api: Client, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **_fields: object) -> None:
        raise error

    monkeypatch.setattr(models.ApiTokenQuerySet, "update", refuse)
    assert api.get("/api/me").status_code == 200


def test_a_user_has_at_most_the_maximum_of_tokens(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_TOKENS", 1)
    token_of(user)
    with pytest.raises(models.TooManyTokensError):
        token_of(user)


def test_a_session_reads_without_and_changes_with_the_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"X-Real-IP": "192.0.2.1"})
    client.force_login(user)
    assert client.get("/api/me").json()["email"] == user.email
    refused = client.patch("/api/me", {"name": "Ada"}, content_type=JSON)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    client.cookies[settings.CSRF_COOKIE_NAME] = secret = _get_new_csrf_string()
    changed = client.patch("/api/me", {"name": "Ada"}, content_type=JSON, headers={"X-CSRFToken": secret})
    assert changed.json()["name"] == "Ada"


def test_without_token_and_session_there_is_no_access(db: None, client: Client) -> None:
    for path in ("/api/me", "/api/documents", "/api/documents/1", "/api/documents/1/content", "/api/tasks"):
        assert client.get(path).status_code == 401, path
    assert client.patch("/api/me", {"name": "x"}, content_type=JSON).status_code == 401


def test_staff_without_the_second_factor_get_a_problem(client: Client, staff: User, settings: object) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = True  # type: ignore[attr-defined]
    client.force_login(staff)
    assert client.get("/api/me").status_code == 403
    assert client.get("/api/docs", headers={"Accept": "text/html"}).status_code == 302
