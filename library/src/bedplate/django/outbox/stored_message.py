"""Messages as they are stored: the complete MIME, and the envelope."""

import email
import email.policy
from copy import copy
from email.message import EmailMessage as Mime
from email.message import MIMEPart
from email.utils import make_msgid
from typing import Any, Final, override

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives

OWN_HEADERS: Final = {
    "subject",
    "from",
    "to",
    "cc",
    "reply-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
}


def with_message_id(message: EmailMessage) -> EmailMessage:
    """Return the message with a Message-ID, by which each recipient recognizes a mail that arrives twice."""
    if "message-id" in {name.lower() for name in message.extra_headers}:
        return message
    message = copy(message)
    # Django's own would resolve the machine's name, which may take long.
    message.extra_headers = {**message.extra_headers, "Message-ID": make_msgid(domain=settings.ENVIRONMENT.domain)}
    return message


class StoredMessage(EmailMultiAlternatives):
    """A message from the outbox, for any backend: SMTP sends the stored MIME; others read the attributes."""

    def __init__(self, content: bytes, *, sender: str, recipients: list[str]) -> None:
        self._content = content
        self._recipients = recipients
        mime: Any = email.message_from_bytes(content, policy=email.policy.default)
        visible = {
            name: [str(each) for each in mime[name].addresses] if mime[name] else []
            for name in ("To", "Cc", "Reply-To")
        }
        shown = {each.addr_spec for name in ("To", "Cc") if mime[name] for each in mime[name].addresses}
        # Otherwise the envelope has another sender than the mail; providers then take their domain from the envelope.
        is_sender = [each.addr_spec for each in mime["From"].addresses] == [sender] if mime["From"] else False
        super().__init__(
            subject=str(mime["Subject"] or ""),
            body=text_of(mime.get_body(("plain",))),
            from_email=str(mime["From"]) if is_sender else sender,
            to=visible["To"],
            cc=visible["Cc"],
            bcc=[each for each in recipients if each not in shown],
            reply_to=visible["Reply-To"],
            headers=({} if is_sender else {"From": str(mime["From"])})
            | {name: str(value) for name, value in mime.items() if name.lower() not in OWN_HEADERS},
        )
        if (html := mime.get_body(("html",))) is not None:
            self.attach_alternative(text_of(html), "text/html")
        self.attachments = list(mime.iter_attachments())

    @override
    def message(self, *, policy: Any = email.policy.default) -> Mime:
        return email.message_from_bytes(self._content, policy=policy)

    @override
    def recipients(self) -> list[str]:
        return self._recipients


def text_of(part: MIMEPart | None) -> str:
    """Return the text of a part; empty for None."""
    return "" if part is None else str(part.get_content())
