"""Structured logs on stdout: one JSON object on each line, or text, with the id of the request."""

import logging
import logging.config
import os
import re
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.types import EventDict, Processor, WrappedLogger

from bedplate.django.redaction import hide_tokens

SERVER_LOGGING: Final = Path(__file__).with_name("granian_logs.json")
"""The configuration of the web server's own process: `granian --log-config`."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Extras of Celery and Django with whole requests and arguments, which may contain secrets; and the message that another
# formatter has set on the record.
UNWANTED_EXTRAS: Final = ("request", "data", "message")


class RequestIdMiddleware:
    """Gives each request an id, nginx's if it sent one, for its log lines, its tasks and its response.

    The first middleware, so it also sets the encoding of the request's fields and query: UTF-8, whatever the request
    names. Some encodings decode no text, others result in text that no database stores.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, with the id in `X-Request-ID`."""
        request_id = read_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        request._encoding = "utf-8"  # type: ignore[attr-defined]  # noqa: SLF001 - the public setter first decodes the query in the wrong encoding
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


@receiver(request_finished)
def forget_request(**_: Any) -> None:
    """Clear the log context, after the middleware: Django logs errors after it returns."""
    clear_contextvars()


def read_request_id(header: str) -> str:
    """Return the header's id, or a new one if it is missing, too long, or has unsafe characters."""
    return header if REQUEST_ID.fullmatch(header) else uuid.uuid4().hex


def configure_logging(*, level: str, log_format: str, mail_admins: bool) -> None:
    """Send all logs of this process, from structlog and from the standard library, to stdout."""
    logging.config.dictConfig(logging_configuration(level=level, log_format=log_format, mail_admins=mail_admins))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *describe(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_configuration(*, level: str, log_format: str, mail_admins: bool) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    mailed = {"handlers": ["mail_admins"]} if mail_admins else {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter, "log_format": log_format}},
        "filters": {"production": {"()": "django.utils.log.RequireDebugFalse"}},
        "handlers": {
            "stdout": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stdout"},
            "mail_admins": {
                "class": "bedplate.django.error_mail.ErrorMailHandler",
                "level": "ERROR",
                "filters": ["production"],
            },
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {
            # Errors of pages and of tasks only: an unavailable broker, for example, logs an error every few seconds.
            "django.request": mailed,
            "celery.app.trace": mailed,
            "bedplate.django.operations.leases": mailed,
            # One line for each request: nginx's access log has it, and django.request the errors.
            "django.server": {"level": "CRITICAL"},
            # Without the server's own handlers, its lines have the same format as all others.
            "_granian": {"handlers": [], "propagate": True},
            "multiprocessing": {"handlers": ["stdout"], "level": "WARNING", "propagate": False},  # Celery's pool
        },
    }


def formatter(*, log_format: str) -> logging.Formatter:
    """Return the formatter for `json` (one object on each line) or `text`."""
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if log_format == "text"
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    return ProcessorFormatter(
        foreign_pre_chain=[*describe(), ExtraAdder(), drop_unwanted_extras],
        processors=[ProcessorFormatter.remove_processors_meta, *renderers, redact],
    )


def server_formatter() -> logging.Formatter:
    """Return the formatter of the web server's own process, which does not load Django (see granian_logs.json)."""
    return formatter(log_format=os.environ.get("LOG_FORMAT", "json"))


def describe() -> list[Processor]:
    """Return the processors that add time, level, logger and request id to every event."""
    return [
        merge_contextvars,
        add_log_level,
        add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def redact(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Return the finished line with the tokens of links hidden."""
    return hide_tokens(str(line))


def drop_unwanted_extras(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the event without extras that are too large or too private to log."""
    for name in UNWANTED_EXTRAS:
        event.pop(name, None)
    return event
