"""Alerts by mail, and pings to the ping service."""

import logging
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from bedplate.django.cron_runs import alerts
from bedplate.django.cron_runs.alerts import alert, ping, ping_address
from django.core import mail
from pytest_django import Settings


class PingService(HTTPServer):
    """A service that records its requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.requests: list[tuple[str, str]] = []


class Recorder(BaseHTTPRequestHandler):
    """Records the path and body of each request."""

    server: PingService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Log nothing."""


@pytest.fixture
def service(configure: Callable[..., None]) -> Iterator[PingService]:
    """Return a ping service that the settings refer to."""
    with PingService() as service:
        Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
        configure(cron_ping_url=f"http://127.0.0.1:{service.server_port}/key/")
        yield service
        service.shutdown()


@pytest.fixture(autouse=True)
def admins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ADMINS = ["admin@example.org"]
    settings.EMAIL_SUBJECT_PREFIX = "[Shop prod] "
    monkeypatch.setattr(alerts, "RETRY_DELAYS", (0, 0))


def test_an_alert_goes_to_the_admins_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alert("backup", "Exited with 1.", details="no space left")
    (sent,) = mail.outbox
    assert (sent.subject, sent.to) == ("[Shop prod] Cron: backup: Exited with 1.", ["admin@example.org"])
    assert "no space left" in str(sent.body)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_mail_that_fails_once_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    pauses: list[float] = []
    monkeypatch.setattr(alerts, "RETRY_DELAYS", (7, 0))
    monkeypatch.setattr("time.sleep", pauses.append)

    def send(subject: str, _text: str, **_options: str) -> None:
        tries.append(subject)
        if len(tries) == 1:
            raise ConnectionRefusedError

    monkeypatch.setattr(alerts, "mail_admins", send)
    alert("backup", "Exited with 1.")
    assert len(tries) == 2
    assert pauses == [7]


def test_mail_that_cannot_be_sent_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[object] = []

    def refuse(*mail: object, **_options: str) -> None:
        tries.append(mail)
        raise ConnectionRefusedError

    monkeypatch.setattr(alerts, "mail_admins", refuse)
    alert("backup", "Exited with 1.")
    assert len(tries) == 3
    assert caplog.records[-1].levelno == logging.CRITICAL
    assert "backup: Exited with 1." in caplog.records[-1].getMessage()


def test_the_ping_service_gets_start_success_and_failure(service: PingService) -> None:
    ping("backup", "start")
    ping("backup", "success", body="42 tables")
    alert("backup", "Exited with 1.", details="no space left")
    assert service.requests == [
        ("/key/backup/start", ""),
        ("/key/backup", "42 tables"),
        ("/key/backup/fail", "Exited with 1.\n\nno space left"),
    ]


def test_an_unavailable_ping_service_is_ignored(
    configure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    configure(cron_ping_url="http://127.0.0.1:9")
    ping("backup", "start")
    assert "http://127.0.0.1:9/backup/start failed" in caplog.text


def test_urls_of_pings() -> None:
    assert ping_address("https://hc.example/key/", "backup", "success") == "https://hc.example/key/backup"
    assert ping_address("https://hc.example/key", "backup", "fail") == "https://hc.example/key/backup/fail"
