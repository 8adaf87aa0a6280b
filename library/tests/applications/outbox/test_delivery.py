"""Mail is retried or refused, as the server says; attempts end, and records are deleted."""

import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from bedplate.django.outbox import tasks
from bedplate.django.outbox.delivery import classify, deliver_due
from bedplate.django.outbox.models import LONGEST_DELAY, MAX_ATTEMPTS, OutgoingMail, delay_after
from django.utils import timezone

from applications.outbox.conftest import ADA, states, write
from applications.smtp import CLOSE, HANG, SmtpServer

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOB = "bob@example.org"
LINK = "https://example.org/accounts/password/reset/key/1-dilpfa-4251118720/"


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
