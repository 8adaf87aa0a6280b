"""Mail about errors, and a mail server that is away."""

import logging
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings

from config.error_mail import ErrorMailHandler

RECORD = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "It failed", None, None)


class NobodyAnswers(BaseEmailBackend):
    """A mail server that is away."""

    def send_messages(self, _messages: Any) -> int:
        """Fail."""
        raise ConnectionRefusedError("nobody answers")


@override_settings(ADMINS=["admin@example.com"])
def test_an_error_is_mailed() -> None:
    ErrorMailHandler().emit(RECORD)
    assert "It failed" in mail.outbox[0].subject


@override_settings(
    ADMINS=["admin@example.com"], MAILERS={"default": {"BACKEND": f"{__name__}.{NobodyAnswers.__qualname__}"}}
)
def test_a_mail_server_that_is_away_makes_nothing_worse(caplog: pytest.LogCaptureFixture) -> None:
    ErrorMailHandler().emit(RECORD)
    assert "The mail about an error was not sent: nobody answers" in caplog.text
