"""SMTP that reports refused recipients, which Django ignores if others are accepted."""

import smtplib
from contextlib import suppress
from typing import Any, override

from django.core.mail.backends import smtp


class PartlyRefusedError(smtplib.SMTPRecipientsRefused):
    """The server accepted the message for all recipients except these."""


class Patches:
    """Reports refused recipients."""

    def sendmail(self, *args: Any, **options: Any) -> dict[str, tuple[int, bytes]]:
        """Send a message. Raise PartlyRefusedError if some recipients were refused: Django ignores this."""
        refused: dict[str, tuple[int, bytes]] = super().sendmail(*args, **options)  # type: ignore[misc]
        if refused:
            raise PartlyRefusedError(refused)
        return refused


class Client(Patches, smtplib.SMTP):
    """A connection, which STARTTLS may encrypt."""


class TlsClient(Patches, smtplib.SMTP_SSL):
    """A connection over TLS."""


class EmailBackend(smtp.EmailBackend):
    """Sends mail by SMTP. A message that some recipients get is not sent to them again."""

    @property
    @override
    def connection_class(self) -> type[smtplib.SMTP]:
        return TlsClient if self.use_ssl else Client

    @override
    def close(self) -> None:
        """Close the connection. What the server replies to that is no error of a mail, which would be sent again."""
        with suppress(smtplib.SMTPException):
            super().close()
