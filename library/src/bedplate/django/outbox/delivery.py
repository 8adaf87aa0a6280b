"""Sends the mail in the outbox."""

import logging
import smtplib
import time
from functools import partial
from typing import Final

from django.core.mail import mailers
from django.utils import timezone

from bedplate.django.operations.run_tracking import write_state
from bedplate.django.outbox.encryption import decrypt
from bedplate.django.outbox.mailers import transport_alias
from bedplate.django.outbox.models import Outcome, OutgoingMail
from bedplate.django.outbox.smtp import PartlyRefusedError
from bedplate.django.outbox.stored_message import StoredMessage
from bedplate.django.redaction import hide_tokens

logger = logging.getLogger(__name__)

TIME_FOR_STARTS: Final = 30.0  # seconds; then another task goes on, so that other tasks get their turn
PERMANENT: Final = 500  # SMTP's replies from here on
PERMANENT_IN_HTTP: Final = {
    400,
    406,
    413,
    422,
}  # of a provider: about this mail; 401, 403 and 404 are about our account
ERROR_LENGTH: Final = 1000


def deliver_due() -> bool:
    """Send the mail that is due; delete what is old. Return False if some is left because the time is over.

    After an error of the server this stops: it would not accept the other mail either.
    """
    OutgoingMail.objects.clean(now=timezone.now())
    deadline = time.monotonic() + TIME_FOR_STARTS
    while mail := OutgoingMail.objects.take(now=timezone.now()):
        if not deliver(mail):
            break
        if time.monotonic() > deadline:
            return False
    return True


def deliver(mail: OutgoingMail) -> bool:
    """Try to send a mail, and record the result. Return False after an error of the server."""
    outcome = attempt(mail)
    write_state(partial(OutgoingMail.objects.record, mail, outcome, now=timezone.now()))
    for error in dict.fromkeys([*outcome.refused.values(), *outcome.deferred.values()]):
        logger.warning("Mail %s was not sent, attempt %d: %s", mail.message_id, mail.attempts, error)
    return outcome.may_continue


def attempt(mail: OutgoingMail) -> Outcome:
    """Send a mail. Return the result for each recipient."""
    try:
        content = decrypt(bytes(mail.content))
        message = StoredMessage(content, sender=mail.sender, recipients=mail.recipients)
        mailers[transport_alias()].send_messages([message])
    except Exception as error:  # a backend of another provider may raise any
        return classify(error, mail.recipients)
    return Outcome(accepted=tuple(mail.recipients), refused={}, deferred={})


def classify(error: Exception, recipients: list[str]) -> Outcome:
    """Return what an error means for each recipient: refused forever, or to be tried again."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return of_recipients(error, recipients)
    described = dict.fromkeys(recipients, describe(f"{type(error).__name__}: {error}"))
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        described = dict.fromkeys(recipients, reply(error.smtp_code, error.smtp_error))
        if error.smtp_code >= PERMANENT:
            return Outcome(refused=described, deferred={})
        return Outcome(refused={}, deferred=described)
    if isinstance(error, ValueError) or getattr(error, "status_code", None) in PERMANENT_IN_HTTP:  # or is not a mail
        return Outcome(refused=described, deferred={})
    # The server is unavailable, refuses our login, hangs, or has closed the connection.
    return Outcome(refused={}, deferred=described, may_continue=False)


def of_recipients(error: smtplib.SMTPRecipientsRefused, recipients: list[str]) -> Outcome:
    """Return the result for each recipient, of which the server has refused some or all."""
    replies: dict[str, tuple[int, bytes]] = error.recipients
    accepted = isinstance(error, PartlyRefusedError)
    return Outcome(
        accepted=tuple(each for each in recipients if accepted and each not in replies),
        refused={
            each: reply(*replies[each]) for each in recipients if each in replies and replies[each][0] >= PERMANENT
        },
        deferred={
            each: reply(*replies.get(each, (0, b"The server ended the session.")))
            for each in recipients
            if (replies[each][0] < PERMANENT if each in replies else not accepted)
        },
    )


def reply(code: int, text: bytes | str) -> str:
    """Return a server's reply as text."""
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return describe(f"{code or ''} {said}".strip())


def describe(error: str) -> str:
    """Return an error without NUL (PostgreSQL does not accept it) and without tokens: servers quote mail."""
    return hide_tokens(error.replace("\0", ""))[:ERROR_LENGTH]
