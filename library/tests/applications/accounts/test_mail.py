"""Mail of requests: a worker sends it, so that no page reveals whether an address has an account."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from bedplate.django.operations.models import TaskRun
from bedplate.django.outbox.delivery import deliver_due
from bedplate.django.outbox.models import OutgoingMail
from bedplate.testing.mail import send_queued_mail
from bedplate.testing.plugin import PASSWORD
from config.celery import app
from django.core.mail import EmailMessage
from django.test import Client, RequestFactory
from django.utils import timezone, translation
from kombu import Connection
from kombu.pools import producers
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from users.models import User

from applications.smtp import SmtpServer, outbox_for, settings_for, smtp_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

NEW_PASSWORD = {"password1": "correct-horse-10", "password2": "correct-horse-10"}
RESET, SIGNUP, EMAIL, LOGIN = (f"/accounts/{path}/" for path in ("password/reset", "signup", "email", "login"))

type Ask = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def ada(user: User) -> User:
    """Return a user with a verified address."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture(params=["slow", "down"])
def mail_server(request: pytest.FixtureRequest, settings: Settings) -> Iterator[SmtpServer | None]:
    """Send mail to a slow server, and to an unavailable one."""
    if request.param == "slow":
        with smtp_server(pause=0.3) as server:
            settings.MAILERS = settings_for(server.port)
            yield server
    else:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        settings.MAILERS = settings_for(port)
        yield None


@pytest.fixture
def broker_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the queue unavailable: at a port without a listener."""
    monkeypatch.setattr(app.amqp, "_producer_pool", producers[Connection("redis://127.0.0.1:9/0")])


def ask(client: Client, path: str, **fields: str) -> tuple[int, str, str]:
    """Send a form. Return what the visitor sees: status, redirect URL, and that page without its secrets."""
    answer = client.post(path, fields)
    page = client.get(answer["Location"]).content.decode() if answer.status_code == 302 else answer.content.decode()
    for email in fields.values():
        page = page.replace(email, "…")
    page = re.sub(r'(csrfmiddlewaretoken" value|nonce)="[^"]+"', "", page)
    return answer.status_code, answer.get("Location", ""), page


def waiting() -> list[str]:
    """Return the names of the queued tasks."""
    return [run.name.rpartition(".")[2] for run in TaskRun.objects.unfinished()]


def assert_unseen(server: SmtpServer | None) -> None:
    """Assert that the mail server has received nothing yet."""
    assert server is None or server.connections == 0


def test_a_reset_is_the_same_with_and_without_an_account(ada: User, mail_server: SmtpServer | None) -> None:
    found = ask(Client(headers={"X-Real-IP": "192.0.2.1"}), RESET, email=ada.email)
    work = waiting()
    TaskRun.objects.all().delete()
    unknown = ask(Client(headers={"X-Real-IP": "192.0.2.1"}), RESET, email="bob@example.org")
    assert_unseen(mail_server)
    assert found == unknown
    assert found[:2] == (302, f"{RESET}done/")
    assert work == waiting() == ["send_password_reset"]


def test_a_sign_up_is_the_same_with_and_without_an_account(
    ada: User, mail_server: SmtpServer | None, configure: Callable[..., None]
) -> None:
    configure(allow_signup=True)
    taken = ask(Client(headers={"X-Real-IP": "192.0.2.1"}), SIGNUP, email=ada.email, **NEW_PASSWORD)
    assert waiting() == ["send_account_already_exists"]
    TaskRun.objects.all().delete()
    new = ask(Client(headers={"X-Real-IP": "192.0.2.1"}), SIGNUP, email="bob@example.org", **NEW_PASSWORD)
    assert waiting() == ["send_confirmation"]
    assert_unseen(mail_server)
    assert taken == new
    assert new[0] == 302


def test_a_sign_up_hashes_the_password_for_a_taken_address_too(
    client: Client, ada: User, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("bedplate.django.accounts.forms.make_password", hashed.append)
    configure(allow_signup=True)
    ask(client, SIGNUP, email=ada.email, **NEW_PASSWORD)
    assert hashed == [NEW_PASSWORD["password1"]]


@pytest.mark.parametrize("action", ["action_add", "action_send"])
def test_adding_an_address_and_resending_its_mail(
    client: Client, ada: User, mail_server: SmtpServer | None, action: str
) -> None:
    client.force_login(ada)
    if action == "action_send":
        EmailAddress.objects.create(user=ada, email="new@example.org")
    answer = client.post(EMAIL, {"email": "new@example.org", action: ""})
    assert (answer.status_code, waiting()) == (302, ["send_confirmation"])
    assert_unseen(mail_server)


def test_a_login_with_an_unverified_address(client: Client, user: User, mail_server: SmtpServer | None) -> None:
    answer = client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/confirm-email/"
    assert waiting() == ["send_confirmation"]
    assert_unseen(mail_server)


@pytest.mark.usefixtures("broker_is_down")
def test_without_a_queue_the_response_is_the_same_and_the_mail_waits(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, caplog: pytest.LogCaptureFixture
) -> None:
    answers = []
    for email in (ada.email, "bob@example.org"):
        with django_capture_on_commit_callbacks(execute=True):
            answers.append(ask(Client(headers={"X-Real-IP": "192.0.2.1"}), RESET, email=email))
    assert answers[0] == answers[1]
    assert answers[0][0] == 302
    assert caplog.text.count("The task queue is unavailable") == 2
    assert (
        TaskRun.objects.unfinished().filter(due=None).count() == 2
    )  # a worker sends them: bedplate.django.operations.leases


def test_the_worker_sends_the_requested_mails(client: Client, ada: User, settings: Settings) -> None:
    with smtp_server() as server:
        settings.MAILERS = settings_for(server.port)
        client.post(RESET, {"email": "ADA@example.org"}, headers={"Accept-Language": "fr"})
        client.post(RESET, {"email": "bob@example.org"})
        assert send_queued_mail() == 2
    assert server.recipients == ["ada@example.org"]
    assert "http://testserver/accounts/password/reset/key/" in server.mails[0].replace("=\r\n", "")
    assert "Content-Language" not in server.mails[0]


def test_links_use_https_if_the_request_did(
    client: Client, ada: User, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client.post(RESET, {"email": ada.email}, headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
    send_queued_mail()
    assert "https://testserver/accounts/password/reset/key/" in str(mailoutbox[0].body)


@pytest.mark.parametrize("path", [RESET, SIGNUP, LOGIN])
def test_the_queue_contains_no_link(
    client: Client, user: User, configure: Callable[..., None], mailoutbox: list[EmailMessage], path: str
) -> None:
    configure(allow_signup=True)
    signup = {"email": "new@example.org", **NEW_PASSWORD}
    fields = {RESET: {"email": user.email}, SIGNUP: signup, LOGIN: {"login": user.email, "password": PASSWORD}}[path]
    client.post(path, fields)
    (queued,) = TaskRun.objects.all()
    arguments: dict[str, Any] = json.loads(queued.arguments)[1]
    assert set(arguments) <= {"email", "address", "signup", "visit"}
    assert set(arguments["visit"]) == {"host", "scheme", "language"}
    send_queued_mail()
    (link,) = set(re.findall(r"/accounts/\S+/([\w:-]{15,})/", str(mailoutbox[0].body)))
    assert link not in queued.arguments


def test_events_show_no_address(client: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "send_task", lambda *_args, **options: sent.append(options))
    client.post(RESET, {"email": ada.email})
    run = TaskRun.objects.get()
    app.tasks[run.name].send(run)  # type: ignore[attr-defined]
    assert (sent[0]["argsrepr"], sent[0]["kwargsrepr"]) == ("(hidden)", "(hidden)")


def test_mail_waits_in_the_outbox_while_the_server_is_unavailable(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.MAILERS = outbox_for(9)
    client.post(RESET, {"email": ada.email})
    assert send_queued_mail() == 1
    deliver_due()
    assert TaskRun.objects.get().state == "succeeded"  # its mail is written, once
    assert OutgoingMail.objects.values_list("state", "recipients").get() == ("waiting", [ada.email])
    with smtp_server() as server:
        settings.MAILERS = outbox_for(server.port)
        OutgoingMail.objects.update(next_attempt=timezone.now())
        deliver_due()
    assert server.recipients == [ada.email]


def test_mail_of_a_page_is_written_to_the_outbox(client: Client, ada: User, settings: Settings) -> None:
    settings.MAILERS = outbox_for(9)
    with translation.override("en"), request_context(RequestFactory().get("/")):
        get_adapter().send_mail(
            "account/email/email_changed", ada.email, {"from_email": ada.email, "to_email": "n@x.org"}
        )
    assert OutgoingMail.objects.get().recipients == [ada.email]


def test_a_deleted_address_gets_no_mail(client: Client, user: User, mailoutbox: list[EmailMessage]) -> None:
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    EmailAddress.objects.all().delete()
    send_queued_mail()
    assert mailoutbox == []
