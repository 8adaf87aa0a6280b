"""Errors that Sentry gets: sent by a process with PROD's settings to a small server, without what must stay here."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from bedplate.environment import read_environment
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

brotli: Any = import_module("brotli")  # has no types
SECRET: Final = "hunter2-ada@example.org"
# Each of these has the secret wherever an event could have it.
CAUSES: Final = {
    "page": """
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
import config.urls
from config.wsgi import application
@csrf_exempt
def fail(request, key):
    password = SECRET
    raise ValueError(f"{password} is wrong")
config.urls.urlpatterns.append(path("accounts/confirm-email/<key>/fail", fail))
request = RequestFactory(headers={"Host": "localhost", "X-Forwarded-Proto": "https", "Authorization": SECRET,
    "X-Anything": SECRET, "X-Real-IP": os.environ["VISITOR"], "Cookie": f"a={SECRET}", "Referer": SECRET}).post(
    "/accounts/confirm-email/TOKEN-hunter2/fail?q=" + SECRET, {"password": SECRET})
statuses = []
list(application(request.environ, lambda status, headers, *_: statuses.append(status)))
assert statuses == ["500 Internal Server Error"]
""",
    "task": """
from celery import shared_task
@shared_task(name="shop.fail")
def fail(address, *, password):
    raise KeyError(address)
fail.apply((SECRET,), {"password": SECRET})
""",
    "cron": """
from bedplate.django.cron_runs.alerts import alert
alert("backup", "Exited with 1.", details=SECRET)
""",
    "log": """
import logging, structlog
logging.getLogger("shop").error("No invoice for %s", SECRET, extra={"address": SECRET})
structlog.get_logger("shop").error("No parcel", address=SECRET)
logging.getLogger("shop").error(KeyError(SECRET))
""",
    "command": """
raise OSError(SECRET)
""",
    "thread": """
import threading
thread = threading.Thread(target=lambda password: {}[password], args=(SECRET,), name=SECRET)
thread.start(); thread.join()
""",
}
PROGRAM: Final = """
import django; django.setup()
from structlog.contextvars import bind_contextvars
import json, os
SECRET = os.environ["TYPED"]
"""


@dataclass
class Sentry:
    """A server with Sentry's protocol, and the bodies that it has got."""

    dsn: str
    bodies: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the envelopes."""
        items = [line for body in self.bodies for line in body.splitlines()]
        return [json.loads(line) for line in items if '"level"' in line]


@contextmanager
def sentry_server() -> Iterator[Sentry]:
    """Run the server on a free port."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Encoding"] == "br"
            bodies.append(f"{self.headers}\n{brotli.decompress(body).decode()}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Sentry(f"http://public@127.0.0.1:{server.server_port}/7", bodies)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(cause: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program with PROD's settings."""
    own = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENVIRONMENT": "prod",
        "DEBUG": "false",
        "LOG_FORMAT": "json",
        "DATA_DIRECTORY": str(folder),
        "SECRET_KEY": "only-for-tests-only-for-tests-only",
        "POSTGRES_PASSWORD": "only-for-tests",
        "RELEASE": "20261127-1",
        "TYPED": SECRET,
        "VISITOR": "192.0.2.77",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + CAUSES[cause]],
        cwd=settings.BASE_DIRECTORY,
        env=os.environ | own | variables,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        ("page", ["ValueError"]),
        ("task", ["KeyError"]),
        ("cron", ["Cron: backup: Exited with 1."]),
        ("log", ["No invoice for %s", "No parcel", "KeyError"]),
        ("command", ["OSError"]),
        ("thread", ["KeyError"]),
    ],
)
def test_an_error_arrives_without_its_data(tmp_path: Path, cause: str, says: list[str]) -> None:
    with sentry_server() as sentry:
        ended = run(cause, tmp_path, SENTRY_DSN=sentry.dsn)
    events = sentry.events
    shown = [(event.get("exception") or {"values": [{}]})["values"][-1].get("type") for event in events]
    messages = [(event.get("logentry") or {}).get("message") for event in events]
    assert [message or kind for message, kind in zip(messages, shown, strict=True)] == says, ended.stderr
    assert {(event["release"], event["environment"]) for event in events} == {("20261127-1", "prod")}
    found = [text for text in ("hunter2", "ada@", "192.0.2.77", "only-for-tests") if text in "".join(sentry.bodies)]
    assert found == []


def test_an_event_leads_to_the_code_and_to_our_logs(tmp_path: Path) -> None:
    with sentry_server() as sentry:
        ended = run("page", tmp_path, SENTRY_DSN=sentry.dsn)
    [event] = sentry.events
    assert event["request"] == {"method": "POST", "url": "http://localhost/accounts/confirm-email/[hidden]/fail"}
    assert (
        event["transaction"] == "/accounts/confirm-email/[hidden]/fail"
    )  # the route: the redaction hides its {key}, too
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "fail"
    assert re.search(f'"request_id": "{event["tags"]["request_id"]}"', ended.stdout)


@pytest.mark.parametrize("variables", [{"SENTRY_DSN": ""}, {"ISOLATED": "true"}], ids=["without a DSN", "isolated"])
def test_nothing_is_sent(tmp_path: Path, variables: dict[str, str]) -> None:
    with sentry_server() as sentry:
        ended = run("log", tmp_path, **{"SENTRY_DSN": sentry.dsn, **variables})
    assert ended.returncode == 0, ended.stderr
    assert sentry.bodies == []


def test_a_server_that_does_not_answer_delays_nothing(tmp_path: Path) -> None:
    ended = run("page", tmp_path, SENTRY_DSN="http://public@127.0.0.1:9/7")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "dsn", ["sentry", "ftp://key@host/1", "https://host/1", "https://key@host", "https://key@host:x/1", "https://k@[/1"]
)
def test_an_invalid_dsn_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("SENTRY_DSN", dsn)
    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN: is not a DSN of Sentry") as error:
        read_environment()
    assert dsn not in str(error.value).partition("SENTRY_DSN")[2].replace("https://KEY@HOST/PROJECT", "")
