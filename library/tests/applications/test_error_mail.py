"""Mail about errors, with an unavailable mail server too."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from bedplate.django import error_mail
from bedplate.django.error_mail import QUEUE_SIZE, ErrorMailHandler, Sender
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import RequestFactory, override_settings
from pytest_django import Settings

from applications.smtp import settings_for, smtp_server

RECORD = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "It failed", None, None)


class UnavailableBackend(BaseEmailBackend):
    """An unavailable mail server."""

    def send_messages(self, _messages: Any) -> int:
        """Fail."""
        raise ConnectionRefusedError("connection refused")


@override_settings(ADMINS=["admin@example.com"])
def test_an_error_is_mailed() -> None:
    ErrorMailHandler().emit(RECORD)
    assert "It failed" in mail.outbox[0].subject


@override_settings(
    ADMINS=["admin@example.com"], MAILERS={"default": {"BACKEND": f"{__name__}.{UnavailableBackend.__qualname__}"}}
)
def test_an_unavailable_mail_server_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    ErrorMailHandler().emit(RECORD)
    assert "The mail about an error was not sent: connection refused" in caplog.text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://queue:s3cr3t@valkey:6379/0", "redis://queue:[hidden]@valkey:6379/0"),
        ("rediss://:s3cr3t@cache.example:6380", "rediss://:[hidden]@cache.example:6380"),
        (
            "sentinel://app:s%40cr3t@one:26379;sentinel://app:s3cr3t@two:26379",
            "app:[hidden]@one:26379;sentinel://app:[hid",
        ),
        ("redis://valkey:6379", "redis://valkey:6379"),
    ],
)
def test_a_mail_does_not_contain_the_password_of_the_queue(settings: Settings, address: str, shown: str) -> None:
    settings.ADMINS, settings.CELERY_BROKER_URL = ["admin@example.com"], address
    handler = ErrorMailHandler()
    handler.emit(RECORD)
    assert shown in mail.outbox[0].body
    assert "cr3t" not in mail.outbox[0].body


def page_error(path: str = "/") -> logging.LogRecord:
    """Return Django's log record for an error of a page."""
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, f"Server Error: {path}", None, None)
    record.request = RequestFactory().get(path, headers={"Referer": f"https://testserver{path}"})
    return record


def test_a_page_does_not_wait_for_a_slow_mail_server(settings: Settings) -> None:
    with smtp_server(pause=0.3) as server:
        settings.ADMINS, settings.MAILERS = ["admin@example.com"], settings_for(server.port)
        ErrorMailHandler().emit(page_error())
        assert server.mails == []
        deadline = time.monotonic() + 30
        while not server.mails:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert "Server Error: /" in server.mails[0]


def test_queued_mails_are_sent_when_the_process_exits() -> None:
    program = """
from bedplate.django.error_mail import sender
import time
sender().add(lambda: (time.sleep(0.3), print("sent")))
"""
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout == "sent\n"


def test_more_mails_than_can_be_sent_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    slow, goes_on = Sender(), Event()
    for _ in range(QUEUE_SIZE + 2):
        slow.add(lambda: assert_waited(goes_on))
    assert f"{QUEUE_SIZE} others wait" in caplog.text
    goes_on.set()
    slow.stop()


def assert_waited(event: Event) -> None:
    """Wait for the event."""
    assert event.wait(30)


@override_settings(ADMINS=["admin@example.com"])
def test_the_token_of_a_link_is_not_mailed() -> None:
    record = page_error("/accounts/password/reset/key/1-dilpfa-4251118720/")
    del record.__dict__["request"]  # sent at once
    ErrorMailHandler().emit(record)
    (sent,) = mail.outbox
    assert "dilpfa" not in f"{sent.subject}{sent.body}"
    assert "/accounts/password/reset/key/[hidden]/" in sent.subject


def test_the_token_of_a_link_is_not_in_the_report_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    class Once(Sender):
        def add(self, send: Callable[[], None]) -> None:
            send()

    monkeypatch.setattr(error_mail, "sender", Once)
    with override_settings(ADMINS=["admin@example.com"]):
        ErrorMailHandler().emit(page_error("/accounts/confirm-email/MQ:1wO4cZ:uPJMAlCQtN/"))
    (sent,) = mail.outbox
    assert "uPJMAlCQtN" not in f"{sent.subject}{sent.body}"
    assert str(sent.body).count("/accounts/confirm-email/[hidden]/") >= 2
