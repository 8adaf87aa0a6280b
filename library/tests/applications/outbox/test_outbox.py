"""Mail is written with the sender's transaction, and sent by a worker."""

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from bedplate.django.outbox import tasks
from bedplate.django.outbox.delivery import deliver_due
from bedplate.django.outbox.encryption import decrypt
from bedplate.django.outbox.models import OutgoingMail
from bedplate.django.outbox.stored_message import StoredMessage
from celery import current_app
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.db import transaction
from django.utils import timezone
from kombu import Connection
from kombu.pools import producers
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from applications.outbox.conftest import ADA, states, write
from applications.smtp import SmtpServer

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOB = "bob@example.org"
LINK = "https://example.org/accounts/password/reset/key/1-dilpfa-4251118720/"


def test_a_mail_is_sent_as_it_was_written(server: SmtpServer) -> None:
    message = EmailMultiAlternatives(
        "Größe", "Grüße", to=["Ada <ada@example.org>"], cc=[BOB], bcc=["eve@example.org", ADA]
    )
    message.attach_alternative("<p>Grüße</p>", "text/html")
    message.attach("plan.pdf", b"%PDF-\x00\xff", "application/pdf")
    message.extra_headers["List-Unsubscribe"] = "<https://example.org/>"
    assert message.send() == 1
    assert server.connections == 0
    assert deliver_due()
    assert server.recipients == [ADA, BOB, "eve@example.org"]
    sent: Any = message_from_bytes(server.mails[0].encode(), policy=policy.default)
    assert (sent["Subject"], sent["Cc"], sent["Bcc"]) == ("Größe", BOB, None)
    assert sent["List-Unsubscribe"] == "<https://example.org/>"
    html, attached = sent.get_body(("html",)), list(sent.iter_attachments())
    assert html.get_content().strip() == "<p>Grüße</p>"
    assert (attached[0].get_filename(), attached[0].get_content()) == ("plan.pdf", b"%PDF-\x00\xff")
    row = OutgoingMail.objects.get()
    assert (row.state, row.attempts, bytes(row.content)) == ("sent", 1, b"")
    assert sent["Message-ID"] == row.message_id


def test_a_backend_of_another_provider_gets_the_attributes(settings: Settings) -> None:
    settings.MAILERS = {
        "default": {"BACKEND": "bedplate.django.outbox.backend.EmailBackend"},
        "transport": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"},
    }
    message = EmailMultiAlternatives(
        "Hello", "Text", "Shop <shop@example.org>", [f"Ada <{ADA}>"], bcc=[BOB], reply_to=["r@example.org"]
    )
    message.attach_alternative("<p>Text</p>", "text/html")
    message.attach("a.txt", "attached", "text/plain")
    message.send()
    deliver_due()
    sent: Any = mail.outbox[0]
    assert (sent.subject, sent.body.strip(), sent.to, sent.cc, sent.bcc) == (
        "Hello",
        "Text",
        [f"Ada <{ADA}>"],
        [],
        [BOB],
    )
    assert (sent.reply_to, sent.alternatives[0].mimetype) == (["r@example.org"], "text/html")
    assert (sent.from_email, "From" in sent.extra_headers) == ("Shop <shop@example.org>", False)
    assert sent.extra_headers["Message-ID"] == OutgoingMail.objects.get().message_id
    assert [part.get_filename() for part in sent.attachments] == ["a.txt"]


def test_a_rolled_back_transaction_sends_nothing(
    server: SmtpServer, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert (states(), callbacks) == ([], [])
    deliver_due()
    assert server.connections == 0


def test_many_mails_of_a_transaction_take_one_message_in_the_queue(
    server: SmtpServer, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        for _ in range(5):
            write()
    assert callbacks == [tasks.enqueue]


@pytest.mark.parametrize(
    "address", ["", "ada", "a b@example.org", "ada@example.org\nBcc: eve@example.org", "ä@example.org"]
)
def test_an_invalid_address_is_refused_at_once_and_nothing_is_written(server: SmtpServer, address: str) -> None:
    def send() -> int:
        return send_mail("Hello", "Text", None, [BOB, address])

    if address in ("", "ada"):  # Django skips the first; a server may know the second
        assert send() == 1
        return
    with pytest.raises(ValueError, match=r"address|header|ASCII|Header"):
        send()
    assert states() == []


@pytest.mark.parametrize("text", ["\0", "x" * 100_000, "\N{EURO SIGN}" * 300, "'; DROP TABLE--", "<script>"])
def test_hostile_texts_are_sent(server: SmtpServer, text: str) -> None:
    row = write(subject=text.replace("\0", "a\0b"), body=text)
    assert len(row.subject) <= 255
    deliver_due()
    assert states() == [("sent", [ADA])]


def test_the_database_and_the_queue_contain_no_link(server: SmtpServer, settings: Settings) -> None:
    content = bytes(write(body=LINK).content)
    assert b"dilpfa" not in content
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key-of-32-characters-and-more"
    deliver_due()  # the key was rotated meanwhile
    assert "dilpfa" in server.mails[0]
    assert bytes(OutgoingMail.objects.get().content) == b""


def test_a_mail_that_no_key_reads_fails(server: SmtpServer, settings: Settings) -> None:
    write()
    settings.SECRET_KEY = "another-key-of-32-characters-and-more"
    deliver_due()
    row = OutgoingMail.objects.get()
    assert row.state == "failed"
    assert "SECRET_KEY has changed" in row.error


def test_without_a_queue_mail_waits_and_the_page_answers(
    server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    monkeypatch.setattr(current_app.amqp, "_producer_pool", producers[Connection("redis://127.0.0.1:9/0")])
    with django_capture_on_commit_callbacks(execute=True):
        write()
    assert "mail waits for it" in caplog.text
    queued: list[bool] = []
    monkeypatch.setattr(tasks, "enqueue", lambda: queued.append(True))
    tasks.look(now=timezone.now())  # a worker, later
    deliver_due()
    tasks.look(now=timezone.now())
    assert queued == [True]
    assert states() == [("sent", [ADA])]


def test_the_same_message_object_gets_a_new_id_each_time(server: SmtpServer) -> None:
    message = EmailMessage("Hello", "Text", to=[ADA])
    message.send()
    message.send()
    first, second = OutgoingMail.objects.values_list("message_id", flat=True)
    assert first != second


def test_a_stored_message_without_text_is_read() -> None:
    message = StoredMessage(b"Subject: x\r\n\r\n", sender=ADA, recipients=[BOB])
    assert (message.subject, message.body.strip(), message.bcc) == ("x", "", [BOB])


@pytest.mark.usefixtures("server")
def test_a_sender_other_than_the_author_is_kept() -> None:
    """Bounces go to the sender of the envelope, which is another one than readers see."""
    EmailMessage("Hello", "Text", "bounces@example.org", [ADA], headers={"From": "Shop <shop@example.org>"}).send()
    row = OutgoingMail.objects.get()
    message = StoredMessage(decrypt(bytes(row.content)), sender=row.sender, recipients=row.recipients)
    assert (message.from_email, message.extra_headers["From"]) == ("bounces@example.org", "Shop <shop@example.org>")
