"""The mail backend of the outbox."""

from collections.abc import Sequence
from typing import Any, Final

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from bedplate.django.outbox.encryption import encrypt
from bedplate.django.outbox.models import OutgoingMail
from bedplate.django.outbox.smtp import EmailBackend as Smtp
from bedplate.django.outbox.stored_message import with_message_id
from bedplate.django.outbox.tasks import enqueue

SHOWN: Final = 255  # characters of subject and Message-ID


class EmailBackend(BaseEmailBackend):
    """Writes each message to the outbox, in the caller's transaction. A worker sends it after the commit."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the messages, and return their number. Raise ValueError, and write none, for an invalid one."""
        mails = [mail_of(with_message_id(message)) for message in email_messages if message.recipients()]
        if mails:
            OutgoingMail.objects.bulk_create(mails)
            enqueue_once()
        return len(mails)


def mail_of(message: EmailMessage) -> OutgoingMail:
    """Return the row of a message. Raise ValueError for an invalid address or header."""
    envelope = Smtp(alias="envelope", host="")  # connects to nothing: it checks addresses, and encodes domains
    mime: Any = message.message()
    return OutgoingMail(
        message_id=str(mime["Message-ID"])[:SHOWN],
        sender=envelope.prep_address(message.from_email),
        # Each one gets it once, also if it is listed twice.
        recipients=list(dict.fromkeys(envelope.prep_address(address) for address in message.recipients())),
        subject=str(message.subject).replace("\0", "")[:SHOWN],
        content=encrypt(mime.as_bytes()),
    )


def enqueue_once() -> None:
    """Queue the task that sends mail, once after the current transaction commits."""
    waiting: list[Any] = transaction.get_connection().run_on_commit
    if all(function is not enqueue for _savepoints, function, *_ in waiting):
        transaction.on_commit(enqueue)
