"""The mail backend of the mail catcher."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from bedplate.django.caught_mail.folder import MailFolder


class EmailBackend(BaseEmailBackend):
    """Writes each message to a file in the folder `file_path`, instead of sending it."""

    def __init__(self, *, file_path: Path, **options: Any) -> None:
        super().__init__(**options)
        self.folder = MailFolder(file_path)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the messages, and return their number."""
        for message in email_messages:
            self.folder.add(message.message().as_bytes())
        return len(email_messages)
