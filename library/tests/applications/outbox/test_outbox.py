"""Mail is written with the sender's transaction, and sent, retried or refused by a worker."""

import smtplib
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from bedplate.django.outbox import tasks
from bedplate.django.outbox.delivery import classify, deliver_due
from bedplate.django.outbox.encryption import decrypt
from bedplate.django.outbox.models import LONGEST_DELAY, MAX_ATTEMPTS, OutgoingMail, delay_after
from bedplate.django.outbox.stored_message import StoredMessage
from celery import current_app
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.db import transaction
from django.utils import timezone
from kombu import Connection
from kombu.pools import producers
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from applications.smtp import CLOSE, HANG, SmtpServer

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ADA, BOB = "ada@example.org", "bob@example.org"
LINK = "https://example.org/accounts/password/reset/key/1-dilpfa-4251118720/"


def write(*to: str, subject: str = "Hello", body: str = "How are you?") -> OutgoingMail:
    """Send a mail, and return it."""
    send_mail(subject, body, "Shop <shop@example.org>", list(to or (ADA,)))
    return OutgoingMail.objects.latest("pk")


def states() -> list[tuple[str, list[str]]]:
    """Return the state and the recipients of each mail."""
    return list(OutgoingMail.objects.order_by("pk").values_list("state", "recipients"))


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


@pytest.mark.parametrize(
    ("step", "reply", "state"),
    [
        ("CONNECT", "421 busy", "waiting"),
        ("CONNECT", "554 no service", "waiting"),
        ("CONNECT", HANG, "waiting"),
        ("CONNECT", CLOSE, "waiting"),
        ("MAIL", "451 later", "waiting"),
        ("MAIL", "550 not your address", "failed"),
        ("RCPT", "450 greylisted", "waiting"),
        ("RCPT", "421 shutting down", "waiting"),
        ("RCPT", "550 no such user", "failed"),
        ("RCPT", HANG, "waiting"),
        ("DATA", "451 full", "waiting"),
        ("DATA", CLOSE, "waiting"),
        ("END", "452 full", "waiting"),
        ("END", "554 spam", "failed"),
        ("END", HANG, "waiting"),
        ("END", CLOSE, "waiting"),
        ("QUIT", HANG, "sent"),
        ("QUIT", CLOSE, "sent"),
        ("QUIT", "500 what", "sent"),
        ("QUIT", 9000 * "x", "sent"),
    ],
)
def test_each_reply_of_a_server(
    server: SmtpServer, step: str, reply: str, state: str, time_passes: Callable[[timedelta], None]
) -> None:
    write()
    server.replies[step] = reply
    deliver_due()
    row = OutgoingMail.objects.get()
    assert (row.state, row.attempts, bool(row.error)) == (state, 1, state != "sent")
    assert bool(row.content) == (state != "sent")
    server.replies.clear()
    time_passes(MINUTE)
    deliver_due()
    assert len(server.mails) == (state != "failed")
    assert states() == [("failed" if state == "failed" else "sent", [ADA])]


def test_an_unavailable_server_is_asked_once_not_for_each_mail(server: SmtpServer) -> None:
    for _ in range(3):
        write()
    server.replies["CONNECT"] = "421 busy"
    deliver_due()
    assert server.connections == 1
    assert sorted(OutgoingMail.objects.values_list("attempts", flat=True)) == [0, 0, 1]


def test_a_refused_mail_does_not_hold_up_others(server: SmtpServer) -> None:
    for address in (BOB, ADA):
        write(address)
    server.replies[f"RCPT {BOB}"] = "550 no such user"
    deliver_due()
    assert states() == [("failed", [BOB]), ("sent", [ADA])]


def test_refused_recipients_are_separated_from_those_who_have_the_mail(
    server: SmtpServer, time_passes: Callable[[timedelta], None]
) -> None:
    eve = "eve@example.org"
    write(ADA, BOB, eve)
    server.replies |= {f"RCPT {BOB}": "550 no such user", f"RCPT {eve}": "450 greylisted"}
    deliver_due()
    assert states() == [("sent", [ADA]), ("failed", [BOB]), ("waiting", [eve])]
    assert list(OutgoingMail.objects.order_by("pk").values_list("error", flat=True)) == [
        "",
        "550 no such user",
        "450 greylisted",
    ]
    server.replies.clear()
    server.recipients.clear()
    time_passes(MINUTE)
    deliver_due()
    assert server.recipients == [eve]
    assert OutgoingMail.objects.values("message_id").distinct().count() == 1


def test_a_session_that_ends_among_recipients_counts_none_as_accepted() -> None:
    outcome = classify(smtplib.SMTPRecipientsRefused({BOB: (421, b"bye")}), [ADA, BOB])
    assert (outcome.accepted, set(outcome.deferred), outcome.refused) == ((), {ADA, BOB}, {})


def test_a_wrong_password_of_the_site_is_tried_again() -> None:
    outcome = classify(smtplib.SMTPAuthenticationError(535, b"wrong"), [ADA])
    assert (set(outcome.deferred), outcome.may_continue) == ({ADA}, False)


@pytest.mark.parametrize(("status", "refused"), [(400, True), (422, True), (401, False), (429, False), (503, False)])
def test_what_the_api_of_a_provider_answers(status: int, refused: bool) -> None:
    """django-anymail's errors have the status. A mail that is refused for good does not hold up others."""
    error = RuntimeError("The provider says no")
    error.status_code = status  # type: ignore[attr-defined]
    outcome = classify(error, [ADA])
    assert (list(outcome.refused), outcome.may_continue) == (([ADA], True) if refused else ([], False))


def test_an_error_shows_no_token() -> None:
    outcome = classify(smtplib.SMTPDataError(554, f"blocked: {LINK}\0".encode()), [ADA])
    assert outcome.refused == {ADA: "554 blocked: https://example.org/accounts/password/reset/key/[hidden]/"}


def test_attempts_become_rarer_and_end(server: SmtpServer, time_passes: Callable[[timedelta], None]) -> None:
    delays = [delay_after(number) for number in range(1, MAX_ATTEMPTS)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY
    assert timedelta(days=1) < sum(delays, timedelta()) < timedelta(days=3)
    write()
    server.replies["RCPT"] = "450 greylisted"
    for number in range(MAX_ATTEMPTS):
        assert OutgoingMail.objects.get().attempts == number
        deliver_due()
        time_passes(LONGEST_DELAY)
    row = OutgoingMail.objects.get()
    assert (row.state, row.attempts, row.error) == ("failed", MAX_ATTEMPTS, "450 greylisted")


def test_a_mail_that_kills_its_process_every_time_ends(
    server: SmtpServer, time_passes: Callable[[timedelta], None]
) -> None:
    write()
    for _ in range(MAX_ATTEMPTS):
        assert OutgoingMail.objects.take(now=timezone.now())
        time_passes(LONGEST_DELAY)
    deliver_due()
    assert states() == [("failed", [ADA])]


def test_a_taken_mail_is_not_taken_again_until_its_lease_ends(
    server: SmtpServer, time_passes: Callable[[timedelta], None]
) -> None:
    write()
    first = OutgoingMail.objects.take(now=timezone.now())
    assert first
    assert OutgoingMail.objects.take(now=timezone.now() + MINUTE) is None
    assert tasks.KILLED_AFTER < 150
    time_passes(3 * MINUTE)
    second = OutgoingMail.objects.take(now=timezone.now())
    assert second
    outcome = classify(smtplib.SMTPDataError(554, b"spam"), [ADA])
    OutgoingMail.objects.record(first, outcome, now=timezone.now())  # too late
    assert states() == [("waiting", [ADA])]


def test_a_clock_that_was_ahead_does_not_hold_up_mail(server: SmtpServer) -> None:
    write()
    now = timezone.now()
    OutgoingMail.objects.take(now=now + 400 * DAY)  # its process was killed, and the clock was set right
    assert OutgoingMail.objects.work(now=now).exists()
    deliver_due()
    assert states() == [("sent", [ADA])]


def test_records_and_contents_are_deleted(server: SmtpServer, time_passes: Callable[[timedelta], None]) -> None:
    write()
    deliver_due()
    write(BOB)
    server.replies["RCPT"] = "550 no such user"
    deliver_due()
    time_passes(6 * DAY)
    deliver_due()
    assert OutgoingMail.objects.exclude(content=b"").count() == 1
    assert not OutgoingMail.objects.work(now=timezone.now()).exists()
    time_passes(2 * DAY)
    assert OutgoingMail.objects.work(now=timezone.now()).exists()  # a worker sees that there is something to do
    deliver_due()
    assert OutgoingMail.objects.count() == 2
    assert OutgoingMail.objects.exclude(content=b"").count() == 0
    time_passes(23 * DAY)
    deliver_due()
    assert states() == []


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
