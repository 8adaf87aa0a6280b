"""The contents and the format of logs, and the ids of requests."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import structlog
from bedplate.django.logs import formatter, logging_configuration
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

Lines = Callable[[], list[dict[str, Any]]]


def fail(_request: HttpRequest) -> HttpResponse:
    """Raise, like a page with a bug."""
    logging.getLogger("shop").warning("about to fail", extra={"order": 7})
    raise ValueError("a mistake")


urlpatterns = [path("fail", fail)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Yield a function that returns the lines logged during the test."""
    output = StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(formatter(log_format="json"))
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def test_a_line_has_time_level_logger_and_event(lines: Lines) -> None:
    logging.getLogger("shop").warning("%s items left in café %s", 3, "Zoë", extra={"order": 7})
    (line,) = lines()
    time = datetime.fromisoformat(line.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert line == {"event": "3 items left in café Zoë", "level": "warning", "logger": "shop", "order": 7}


def test_structlog_writes_the_same_format(lines: Lines) -> None:
    structlog.get_logger("shop").warning("items left", count=3)
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"], line["count"]) == ("items left", "warning", "shop", 3)


def test_an_exception_is_text_within_its_line(lines: Lines) -> None:
    try:
        raise ValueError("a mistake")
    except ValueError:
        logging.getLogger("shop").exception("failed")
    (line,) = lines()
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: a mistake")


@override_settings(ROOT_URLCONF=__name__)
def test_the_lines_of_a_request_have_its_id_without_the_request_object(client: Client, lines: Lines) -> None:
    client.raise_request_exception = False
    answer = client.get("/fail", headers={"X-Request-ID": "abc-1"})
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "abc-1")
    assert [line["request_id"] for line in lines()] == ["abc-1", "abc-1"]
    failed = lines()[-1]
    assert (failed["event"], failed["status_code"]) == ("Internal Server Error: /fail", 500)
    assert "ValueError: a mistake" in failed["exception"]
    assert "request" not in failed


@pytest.mark.django_db
def test_lines_that_django_logs_after_the_middleware_have_the_id(client: Client, lines: Lines) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "abc-2"})
    assert [(line["event"], line["request_id"]) for line in lines()] == [("Not Found: /nowhere", "abc-2")]


@pytest.mark.django_db
def test_the_token_of_a_link_is_not_logged(client: Client, lines: Lines) -> None:
    client.get("/accounts/confirm-email/MQ:1wO4cZ:uPJMAlCQtN/further")
    assert lines()[0]["event"] == "Not Found: /accounts/confirm-email/[hidden]/further"


def test_the_token_of_a_link_is_in_no_traceback_and_no_text_format(lines: Lines) -> None:
    try:
        raise ValueError("GET /accounts/confirm-email/MQ:1wO4cZ:uPJMAlCQtN/ failed")
    except ValueError:
        logging.getLogger("shop").exception("failed")
    assert lines()[0]["exception"].endswith("ValueError: GET /accounts/confirm-email/[hidden]/ failed")
    record = logging.LogRecord("shop", logging.WARNING, __file__, 1, "/accounts/confirm-email/MQ:1/", (), None)
    assert "MQ" not in formatter(log_format="text").format(record)


@pytest.mark.django_db
def test_the_token_of_a_link_is_in_no_referer(client: Client) -> None:
    for page in ("password/reset/key/1-dilpfa-4251118720", "confirm-email/MQ:1wO4cZ:uPJMAlCQtN"):
        assert client.get(f"/accounts/{page}/")["Referrer-Policy"] == "strict-origin"
    assert client.get("/")["Referrer-Policy"] == "same-origin"


def test_the_id_is_cleared_after_the_request(client: Client, lines: Lines) -> None:
    client.get("/health/live")
    logging.getLogger("shop").warning("later")
    assert "request_id" not in lines()[-1]


def test_a_successful_request_is_not_logged(client: Client, lines: Lines) -> None:
    assert client.get("/health/live").status_code == 200
    assert lines() == []


@pytest.mark.parametrize("header", ["", "x" * 65, "a b", 'a"b', "a\nb", "<script>", "é"])
def test_an_unsafe_id_is_replaced(client: Client, header: str) -> None:
    first, second = (client.get("/health/live", headers={"X-Request-ID": header})["X-Request-ID"] for _ in range(2))
    assert len(first) == 32
    assert first.isalnum()
    assert first != second


def test_the_text_format_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("shop", logging.WARNING, __file__, 1, "%s left", (3,), None)
    text = formatter(log_format="text").format(record)
    assert "warning" in text
    assert "3 left" in text
    assert not text.startswith("{")


@pytest.mark.parametrize("mail_admins", [True, False])
def test_errors_of_pages_and_tasks_are_mailed_if_there_are_admins(mail_admins: bool) -> None:
    loggers = logging_configuration(level="INFO", log_format="json", mail_admins=mail_admins)["loggers"]
    mailed = {name for name, logger in loggers.items() if "mail_admins" in logger.get("handlers", ())}
    assert mailed == (
        {"django.request", "celery.app.trace", "bedplate.django.operations.leases"} if mail_admins else set()
    )
