"""Staff invite users by mail."""

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import password_reset
from bedplate.django.operations.models import TaskRun
from bedplate.testing.mail import send_queued_mail
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import Permission
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from users.models import User

from applications.accounts.conftest import browser, sign_in

pytestmark = pytest.mark.usefixtures("own_cache")

PROJECT = settings.ENVIRONMENT.project_name
ADD, LIST = "/admin/users/user/add/", "/admin/users/user/"
NEW_PASSWORD = {"password1": "correct-horse-9", "password2": "correct-horse-9"}


@pytest.fixture
def admin_client(client: Client, staff: User) -> Client:
    """Return a client of a superuser."""
    client.force_login(staff)
    return client


def invite(client: Client, **fields: Any) -> Any:
    return client.post(ADD, {"email": "new@example.org", "name": "New", "language": "en"} | fields)


def link_in(mail: EmailMessage) -> str:
    found = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(mail.body))
    assert found
    return found[1]


def set_password(link: str) -> Any:
    visitor = browser()
    form = visitor.get(link, follow=True)
    address = form.redirect_chain[-1][0] if form.redirect_chain else link
    return visitor.post(address, NEW_PASSWORD)


def test_the_page_asks_for_no_password(admin_client: Client) -> None:
    page = admin_client.get(ADD).content.decode()
    names = set(re.findall(r'<(?:input|select)[^>]* name="(\w+)"', page))
    assert {"email", "name", "language"} <= names
    assert not [name for name in names if "password" in name]


def test_an_invited_user_sets_the_password_and_signs_in(admin_client: Client, mailoutbox: list[EmailMessage]) -> None:
    invite(admin_client)
    send_queued_mail()
    [mail] = mailoutbox
    assert (mail.to, mail.subject) == (["new@example.org"], f"Your invitation to {PROJECT}")
    assert "within 3 days" in str(mail.body)
    assert set_password(link_in(mail)).status_code == 302
    visitor = sign_in(browser(), "new@example.org")
    assert get_user(visitor).is_authenticated  # no other mail to verify the address is needed
    assert EmailAddress.objects.get(email="new@example.org").verified


def test_the_link_works_once(admin_client: Client, mailoutbox: list[EmailMessage]) -> None:
    invite(admin_client)
    send_queued_mail()
    set_password(link_in(mailoutbox[0]))
    again = browser().get(link_in(mailoutbox[0]), follow=True)
    assert again.context["token_fail"]


def test_the_link_expires(
    admin_client: Client, mailoutbox: list[EmailMessage], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(admin_client)
    send_queued_mail()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert browser().get(link_in(mailoutbox[0]), follow=True).context["token_fail"]


def test_nobody_signs_in_before_the_password_is_set(admin_client: Client) -> None:
    invite(admin_client)
    visitor = browser()
    for password in ("", "!", "None"):
        visitor.post("/accounts/login/", {"login": "new@example.org", "password": password})
    assert not get_user(visitor).is_authenticated
    assert not EmailAddress.objects.get(email="new@example.org").verified


def test_the_mail_is_in_the_chosen_language(admin_client: Client, mailoutbox: list[EmailMessage]) -> None:
    invite(admin_client, language="fr")
    send_queued_mail()
    assert mailoutbox[0].subject == f"Votre invitation à {PROJECT}"
    assert "Choisissez votre mot de passe" in str(mailoutbox[0].body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "x"),
        ("email", "grace@example.org"),
        ("email", "GRACE@example.org"),
        ("email", "taken@example.org"),
        ("email", f"{'x' * 300}@example.org"),
        ("email", "a\0@example.org"),
        ("email", "a@example.org\r\nBcc: b@example.org"),
        ("name", "x" * 151),
        ("name", "a\0b"),
        ("language", "xx"),
        ("language", ""),
    ],
)
def test_impossible_input_is_refused_at_the_field(admin_client: Client, staff: User, field: str, value: str) -> None:
    EmailAddress.objects.create(user=staff, email="taken@example.org", verified=True)
    response = invite(admin_client, **{field: value})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors[field]
    assert list(User.objects.all()) == [staff]
    assert not TaskRun.objects.exists()


def test_only_these_fields_are_saved(admin_client: Client) -> None:
    invite(admin_client, is_superuser="on", is_staff="on", password="x", password1="correct-horse-9")
    user = User.objects.get(email="new@example.org")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)


def test_an_invitation_is_sent_again_to_those_without_a_password(
    admin_client: Client, user: User, mailoutbox: list[EmailMessage]
) -> None:
    invite(admin_client)
    invite(admin_client, email="left@example.org")
    User.objects.filter(email="left@example.org").update(is_active=False)
    TaskRun.objects.all().delete()
    chosen = list(User.objects.values_list("pk", flat=True))
    page = admin_client.post(LIST, {"action": "invite_again", "_selected_action": chosen}, follow=True)
    assert "1 invitation is sent." in page.content.decode()
    send_queued_mail()
    assert [mail.to for mail in mailoutbox] == [["new@example.org"]]


def test_an_invitation_needs_the_permissions(client: Client, user: User, mailoutbox: list[EmailMessage]) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(user)
    assert invite(client).status_code == 403
    waiting = User.objects.create_user("waiting@example.org")
    client.post(LIST, {"action": "invite_again", "_selected_action": [waiting.pk]}, follow=True)
    send_queued_mail()
    assert mailoutbox == []


def test_no_mail_is_sent_if_there_is_a_password_meanwhile(admin_client: Client, mailoutbox: list[EmailMessage]) -> None:
    invite(admin_client)
    user = User.objects.get(email="new@example.org")
    user.set_password("another-horse-10")
    user.save()
    invite(admin_client, email="gone@example.org")
    User.objects.get(email="gone@example.org").delete()
    assert send_queued_mail() == 2
    assert mailoutbox == []


def test_the_link_is_not_stored(admin_client: Client) -> None:
    """A link in the queue or in the table of task runs could be used by a person who reads those."""
    invite(admin_client)
    assert "key" not in TaskRun.objects.get().arguments


def test_a_reset_verifies_no_address_of_several(user: User) -> None:
    for email in (user.email, "other@example.org"):
        EmailAddress.objects.create(user=user, email=email, verified=False)
    password_reset.send(sender=User, request=None, user=user)
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_a_reset_does_not_verify_an_address_that_another_user_has_verified(user: User, staff: User) -> None:
    EmailAddress.objects.create(user=staff, email=user.email, verified=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=False)
    password_reset.send(sender=User, request=None, user=user)
    assert not EmailAddress.objects.filter(user=user, verified=True).exists()


def test_an_old_invitation_can_be_replaced_with_a_reset(admin_client: Client, mailoutbox: list[EmailMessage]) -> None:
    invite(admin_client)
    User.objects.filter(email="new@example.org").update(date_joined=timezone.now() - timedelta(days=60))
    send_queued_mail()
    mailoutbox.clear()
    browser().post("/accounts/password/reset/", {"email": "new@example.org"})
    send_queued_mail()
    assert set_password(link_in(mailoutbox[0])).status_code == 302
