"""Superusers act as users: recorded, visible, and without sensitive actions."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from bedplate.django.accounts import impersonation, urls
from bedplate.django.accounts.models import Impersonation
from bedplate.django.accounts.second_factor import account_pages
from bedplate.django.media.models import Document
from bedplate.testing.plugin import PASSWORD
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from users.models import User

from applications.accounts.conftest import STOP, acts_as, browser, sign_in, start_impersonation

pytestmark = pytest.mark.usefixtures("own_cache")

CLOSED = (
    "/accounts/name/",
    "/accounts/data/",
    "/accounts/data/export/",
    "/accounts/delete/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/sessions/",
    "/accounts/tokens/",
    "/accounts/tokens/1/revoke/",
    "/accounts/3rdparty/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/2fa/recovery-codes/generate/",
    "/admin/",
    "/admin/password_change/",
    "/admin/users/user/",
)


def test_a_superuser_sees_what_the_user_sees(
    acting: Client, user: User, staff: User, configure: Callable[..., None]
) -> None:
    configure(environment="embedded")  # elsewhere nginx sends the file
    document = Document.objects.create(owner=user, file=ContentFile(b"x", name="hers.txt"))
    assert acts_as(acting) == user.email
    assert "hers.txt" in acting.get("/documents/").content.decode()
    file: Any = acting.get(document.file.url)
    assert b"".join(file.streaming_content) == b"x"
    assert get_user(acting) == staff  # the session is still the superuser's


def test_each_page_has_the_banner_with_stop(acting: Client) -> None:
    for address in ("/", "/documents/", "/tasks/", "/unknown/", "/accounts/email/"):
        page = acting.get(address).content.decode()
        banner = page.partition("<body>")[2].lstrip()[:600]
        assert "ada@example.org" in banner, address
        assert f'action="{STOP}"' in banner
    assert "impersonation" not in browser().get("/").content.decode()


@pytest.mark.parametrize("address", ["/robots.txt", "/health/live"])
def test_the_banner_belongs_to_pages_only(acting: Client, address: str) -> None:
    assert b"impersonation" not in acting.get(address).content


def test_stop_leads_back_to_the_user_in_the_admin(acting: Client, user: User, staff: User) -> None:
    assert acting.get(STOP).status_code == 405
    assert acting.post(STOP)["Location"] == f"/admin/users/user/{user.pk}/change/"
    assert acts_as(acting) == staff.email
    assert acting.get("/admin/").status_code == 200
    assert acting.post(STOP)["Location"] == "/"


def test_who_acted_as_whom_from_where_and_when_is_recorded(acting: Client, user: User, staff: User) -> None:
    record = Impersonation.objects.get()
    assert (record.superuser, record.user, record.ip, record.ended) == (staff, user, "192.0.2.1", None)
    assert timezone.now() - record.started < timedelta(minutes=1)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (
        staff,
        str(user.pk),
        "Acted as this user, from 192.0.2.1.",
    )
    acting.post(STOP)
    assert Impersonation.objects.get().ended


def test_the_record_outlives_both_accounts(acting: Client, user: User, staff: User) -> None:
    acting.post(STOP)
    user.delete()
    staff.delete()
    record = Impersonation.objects.get()
    assert record.superuser is None
    assert record.user is None


def test_the_record_is_seen_in_the_admin_and_not_changed(acting: Client) -> None:
    acting.post(STOP)
    address = "/admin/bedplate_accounts/impersonation/"
    assert "ada@example.org" in acting.get(address).content.decode()
    record = Impersonation.objects.get()
    assert acting.get(f"{address}add/").status_code == 403
    assert acting.post(f"{address}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    acting.post(f"{address}{record.pk}/change/", {"ip": "203.0.113.1"})
    record.refresh_from_db()
    assert record.ip == "192.0.2.1"


def test_the_name_is_closed_in_the_api_too(acting: Client, user: User) -> None:
    assert acting.patch("/api/me", {"name": "x"}, content_type="application/json").status_code == 403
    assert not User.objects.filter(name="x").exists()


@pytest.mark.parametrize("address", CLOSED)
def test_sensitive_pages_are_closed(acting: Client, user: User, address: str) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    fields = {"name": "x", "password": PASSWORD, "email": "evil@example.org", "action_add": ""}
    for response in (acting.get(address), acting.post(address, fields)):
        assert response.status_code == 403
        assert "impersonation" in response.content.decode()
    user.refresh_from_db()
    assert user.name == ""
    assert not EmailAddress.objects.filter(user=user).exists()


def test_every_page_of_the_account_is_closed_except_signing_out_and_stop() -> None:
    ours = {pattern.name for pattern in urls.urlpatterns}
    assert ours - impersonation.CLOSED - account_pages() == {"staff-check", "stop-impersonation"}


def test_nobody_acts_as_a_superuser_or_an_inactive_user_or_oneself(
    superuser_client: Client, user: User, staff: User
) -> None:
    assert start_impersonation(superuser_client, staff).status_code == 404
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert start_impersonation(superuser_client, user).status_code == 404
    User.objects.filter(pk=user.pk).update(is_superuser=False, is_active=False)
    assert start_impersonation(superuser_client, user).status_code == 404
    assert not Impersonation.objects.exists()
    assert acts_as(superuser_client) == staff.email


@pytest.mark.parametrize("pk", ["0", "-1", "x", "9" * 300, "1 OR 1=1", "%00"])
def test_an_unknown_user_is_not_found(superuser_client: Client, pk: str) -> None:
    assert start_impersonation(superuser_client, pk).status_code == 404


@pytest.mark.parametrize("staff_too", [False, True])
def test_only_superusers_act_as_users(ada_client: Client, user: User, staff_too: bool) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=staff_too)
    other = User.objects.create_user("bob@example.org")
    ada_client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert start_impersonation(ada_client, other).status_code == 403
    assert browser().post(f"/accounts/impersonate/{other.pk}/")["Location"].startswith("/accounts/login/")
    assert not Impersonation.objects.exists()


def test_it_asks_for_the_password_first(staff: User, user: User) -> None:
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    client = sign_in(browser(), staff.email)
    question = start_impersonation(client, user)
    assert question["Location"].startswith("/accounts/reauthenticate/")
    address = f"/accounts/impersonate/{user.pk}/"
    assert client.post(question["Location"], {"password": PASSWORD, "next": address})["Location"] == "/"
    assert acts_as(client) == user.email


def test_no_second_one_begins_within_the_first(acting: Client, user: User) -> None:
    other = User.objects.create_user("bob@example.org")
    assert start_impersonation(acting, other).status_code == 403
    assert acts_as(acting) == user.email


def test_it_is_not_a_link(superuser_client: Client, user: User) -> None:
    assert superuser_client.get(f"/accounts/impersonate/{user.pk}/").status_code == 405


def test_a_superuser_without_the_second_factor_cannot_begin(
    superuser_client: Client, user: User, settings: Settings
) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = True
    assert start_impersonation(superuser_client, user)["Location"].startswith("/accounts/2fa/")
    assert not Impersonation.objects.exists()


def test_the_second_factor_is_the_superusers(acting: Client, user: User, staff: User, settings: Settings) -> None:
    """A user who is staff has a factor that the superuser does not have; the superuser's own one counts."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    factor = TOTP.activate(staff, generate_totp_secret()).instance
    settings.STAFF_NEEDS_SECOND_FACTOR = True
    assert acting.get("/tasks/")["Location"].startswith("/accounts/2fa/")
    session = acting.session
    session["account_authentication_methods"] += [{"method": "mfa", "at": time.time(), "id": factor.pk, "type": "totp"}]
    session.save()
    assert acting.get("/tasks/").status_code == 200
    assert acting.get("/operations/").status_code == 200


def test_the_button_is_for_superusers_at_users_who_are_none(superuser_client: Client, user: User, staff: User) -> None:
    def button(pk: object) -> bool:
        return "/accounts/impersonate/" in superuser_client.get(f"/admin/users/user/{pk}/change/").content.decode()

    assert button(user.pk)
    assert not button(staff.pk)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not button(user.pk)
    assert superuser_client.get("/admin/users/user/x/change/").status_code == 302


def test_it_costs_one_query_for_each_page(acting: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    acting.get("/")
    with django_assert_num_queries(3):  # session, superuser, user
        acting.get("/")


def test_a_page_for_users_fails_while_the_database_is_away(client: Client, user: User) -> None:
    """It does not send the user to the login page, as if nobody were signed in: a form would seem to be accepted."""
    client.force_login(user)
    client.raise_request_exception = False
    away = OperationalError("the database is away")
    with patch.object(SessionStore, "load", side_effect=away):
        assert client.post("/tasks/").status_code == 500
        assert client.get("/tasks/").status_code == 500
