"""Nobody finds out who has an account: pages, redirects and work are the same with and without one.

Mail is in `test_mail.py`: resets and sign-ups. Here: logins, addresses, sessions of others.
"""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from bedplate.django.operations.models import TaskRun
from bedplate.testing.mail import send_queued_mail
from bedplate.testing.plugin import PASSWORD
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.http import int_to_base36
from pytest_django import DjangoAssertNumQueries
from users.models import User

from applications.accounts.conftest import browser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

LOGIN, EMAIL = "/accounts/login/", "/accounts/email/"


@pytest.fixture
def addresses(user: User, staff: User) -> dict[str, str]:
    """Return an address of each kind."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    invited = User.objects.create_user("invited@example.org")
    EmailAddress.objects.create(user=invited, email=invited.email, primary=True)
    inactive = User.objects.create_user("inactive@example.org", PASSWORD, is_active=False)
    EmailAddress.objects.create(user=inactive, email=inactive.email, verified=True, primary=True)
    unverified = User.objects.create_user("unverified@example.org", PASSWORD)
    return {
        "of a user": user.email,
        "of an invited user": invited.email,
        "of an inactive user": inactive.email,
        "not verified": unverified.email,
        "of a superuser": staff.email,
    }


def seen(response: Any, email: str) -> tuple[int, str, str]:
    """Return what a visitor sees, without what differs between any two requests."""
    page = re.sub(r'(csrfmiddlewaretoken" value|nonce)="[^"]+"', "", response.content.decode())
    return response.status_code, response.get("Location", ""), page.replace(email, "…")


@pytest.mark.parametrize(
    "kind", ["of a user", "of an invited user", "of an inactive user", "not verified", "of a superuser"]
)
def test_a_failed_login_is_the_same_for_an_unknown_address(
    addresses: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow part of a login is the hash of the password: it is computed once in each case."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def count(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(hasher, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count)
    results = []
    for email in (addresses[kind], "unknown@example.org"):
        hashed.clear()
        results.append((seen(browser().post(LOGIN, {"login": email, "password": "wrong"}), email), len(hashed)))
    assert results[0] == results[1]
    assert results[0][1] == 1


def test_the_limit_of_failed_logins_is_the_same_for_an_unknown_address(addresses: dict[str, str]) -> None:
    for attempt in range(8):
        known, unknown = (
            seen(browser(f"192.0.2.{number}").post(LOGIN, {"login": email, "password": "wrong"}), email)
            for number, email in enumerate((addresses["of a user"], "unknown@example.org"), start=1)
        )
        assert known == unknown, attempt


def test_an_address_of_another_user_is_added_like_any_other(
    ada_client: Client, staff: User, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    ada_client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    ada_client.get(EMAIL)  # the messages of the login
    results = []
    for email in (staff.email, "unknown@example.org"):
        first = seen(ada_client.post(EMAIL, {"email": email, "action_add": ""}), email)
        results.append((first, seen(ada_client.get(EMAIL), email)))
        work = [run.name for run in TaskRun.objects.unfinished()]
        assert work == ["users.tasks.send_confirmation"]
        TaskRun.objects.all().delete()
        EmailAddress.objects.filter(email=email).exclude(user=staff).delete()
    assert results[0] == results[1]
    assert results[0][0][:2] == (302, EMAIL)


def test_an_address_of_another_user_cannot_be_taken_over(
    ada_client: Client, user: User, staff: User, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    ada_client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    ada_client.post(EMAIL, {"email": staff.email, "action_add": ""})
    send_queued_mail()
    for mail in mailoutbox:  # even if the other person opens the link
        for link in re.findall(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.body)):
            browser().post(link)
    assert not EmailAddress.objects.filter(user=user, email=staff.email, verified=True).exists()


@pytest.mark.parametrize("email", ["ada@example.org", "unknown@example.org"])
def test_a_reset_needs_the_same_queries(
    user: User, email: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser().get("/accounts/password/reset/")
    with django_assert_max_num_queries(5) as context:
        browser().post("/accounts/password/reset/", {"email": email})
    assert not any("users_user" in query["sql"] for query in context.captured_queries)  # nor the time of a look-up


def test_an_expired_link_and_an_invented_one_get_the_same_page(user: User) -> None:
    pages = [
        seen(browser().get(f"/accounts/password/reset/key/{uid}-cz1abc-0123456789/"), f"/{uid}-")
        for uid in (int_to_base36(user.pk), "zzzz")
    ]
    assert pages[0] == pages[1]


def test_the_files_of_users_and_of_nobody_get_the_same_response(ada_client: Client, staff: User) -> None:
    responses = [ada_client.get(f"/media/private/{pk}/x/y.txt").status_code for pk in (staff.pk, 987_654)]
    assert responses == [404, 404]
