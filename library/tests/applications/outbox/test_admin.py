"""The outbox in the administration."""

import pytest
from bedplate.django.outbox.delivery import deliver_due
from bedplate.django.outbox.models import OutgoingMail
from django.contrib.auth.models import Permission
from django.core.mail import send_mail
from django.test import Client
from users.models import User

from applications.smtp import SmtpServer

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/bedplate_outbox/outgoingmail/"


@pytest.fixture
def refused(server: SmtpServer) -> OutgoingMail:
    """Return a mail that the server has refused for good."""
    send_mail("Your order", "See https://example.org/accounts/password/reset/key/1-dilpfa/", None, ["ada@example.org"])
    server.replies["RCPT"] = "550 <b>no such user</b>"
    deliver_due()
    return OutgoingMail.objects.get()


def send_again(client: Client, mail: OutgoingMail, language: str = "en") -> str:
    """Choose the action, and return the page after it."""
    fields = {"action": "send_again", "_selected_action": str(mail.pk)}
    return client.post(ADDRESS, fields, follow=True, headers={"Accept-Language": language}).text


def test_staff_see_the_error_and_not_the_content(client: Client, staff: User, refused: OutgoingMail) -> None:
    client.force_login(staff)
    for page in (client.get(f"{ADDRESS}?state__exact=failed").text, client.get(f"{ADDRESS}{refused.pk}/change/").text):
        assert "ada@example.org" in page
        assert "550 &lt;b&gt;no such user&lt;/b&gt;" in page
        assert "dilpfa" not in page
        assert bytes(refused.content).decode() not in page


@pytest.mark.usefixtures("own_cache")
def test_a_failed_mail_is_sent_again(client: Client, staff: User, refused: OutgoingMail, server: SmtpServer) -> None:
    client.force_login(staff)
    server.replies.clear()
    assert "1 mail will be sent again." in send_again(client, refused)
    deliver_due()
    assert len(server.mails) == 1
    assert "1 mail was left alone: it has not failed" in send_again(client, refused)
    deliver_due()
    assert len(server.mails) == 1
    assert refused.message_id in server.mails[0]


def test_a_mail_whose_content_was_erased_stays_failed(client: Client, staff: User, refused: OutgoingMail) -> None:
    OutgoingMail.objects.update(content=b"")
    client.force_login(staff)
    assert "1 message est resté tel quel" in send_again(client, refused, "fr")
    assert OutgoingMail.objects.get().state == "failed"


def test_only_users_with_the_permission_see_mail_and_send_it(client: Client, user: User, refused: OutgoingMail) -> None:
    client.force_login(user)
    assert client.get(ADDRESS).status_code == 302
    user.is_staff = True
    user.save()
    assert client.get(ADDRESS).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_outgoingmail"))
    assert client.get(ADDRESS).status_code == 200
    send_again(client, refused)
    assert OutgoingMail.objects.get().state == "failed"
    user.user_permissions.add(Permission.objects.get(codename="change_outgoingmail"))
    send_again(client, refused)
    assert OutgoingMail.objects.get().state == "waiting"


def test_mail_cannot_be_changed_or_deleted(client: Client, staff: User, refused: OutgoingMail) -> None:
    client.force_login(staff)
    assert client.post(f"{ADDRESS}{refused.pk}/change/", {"sender": "eve@example.org"}).status_code == 403
    assert client.post(f"{ADDRESS}{refused.pk}/delete/").status_code == 403
    assert client.get(f"{ADDRESS}add/").status_code == 403


@pytest.mark.parametrize("query", ["?q=ada%00", "?q=" + "x" * 2000, "?q=ada%40example.org", "?state__exact=nonsense"])
def test_hostile_searches_answer(client: Client, staff: User, refused: OutgoingMail, query: str) -> None:
    client.force_login(staff)
    assert client.get(f"{ADDRESS}{query}", follow=True).status_code == 200
