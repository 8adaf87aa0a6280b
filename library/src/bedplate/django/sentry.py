"""Errors for Sentry, or a server with its protocol (GlitchTip, Bugsink). Off without `SENTRY_DSN`.

An event says which code failed, never with which data: it has the exception's type and source lines, the method and
path of the request, and the ids of request and task, with which our own logs have the rest. Texts of exceptions
have data: they stay here.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from structlog.contextvars import get_contextvars

from bedplate.django.redaction import hide_tokens
from bedplate.environment import Environment

# Each list names what is sent, so that a new version of the package sends nothing more.
EVENT: Final = (
    *("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "transaction"),
    *("transaction_info", "sdk", "type"),
)
REQUEST: Final = ("method", "url")
EXCEPTION: Final = ("type", "module", "mechanism", "stacktrace")
MECHANISM: Final = ("type", "handled", "exception_id", "parent_id", "source", "is_exception_group")
FRAME: Final = (
    *("filename", "abs_path", "function", "module", "lineno", "in_app"),
    *("pre_context", "context_line", "post_context"),
)
IDS: Final = ("request_id", "task_id")
OWN_MESSAGES: Final = ("bedplate.django.cron_runs.alerts",)
"""Loggers whose values are names of tasks and fixed reasons."""
NOISE: Final = ("django.security.DisallowedHost",)
"""Loggers of what robots cause, not errors of the application."""


def configure_sentry(environment: Environment) -> None:
    """Send the errors of this process to `SENTRY_DSN`, if it is set. A process on a copy of the database sends none."""
    dsn = environment.sentry_dsn.get_secret_value().strip()
    if not dsn or environment.isolated:
        return
    import sentry_sdk  # noqa: PLC0415 - a third of a second, for those who use it only
    from sentry_sdk.integrations.logging import ignore_logger  # noqa: PLC0415 - as above

    for name in NOISE:
        ignore_logger(name)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment.environment,
        release=environment.release or "unreleased",
        before_send=without_data,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        enable_metrics=False,
        trace_propagation_targets=[],
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=integrations(),
    )


def integrations() -> list[Any]:
    """Return where errors come from: pages, tasks, threads, commands, and what is logged as an error."""
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.celery import CeleryIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.django import DjangoIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415 - as above
    from sentry_sdk.integrations.threading import ThreadingIntegration  # noqa: PLC0415 - as above

    return [
        AtexitIntegration(callback=lambda *_: None),
        CeleryIntegration(propagate_traces=False),
        DedupeIntegration(),
        DjangoIntegration(),
        ExcepthookIntegration(),
        LoggingIntegration(event_level=logging.ERROR),
        ThreadingIntegration(),
    ]


def without_data(event: Mapping[str, Any], hint: Mapping[str, Any]) -> Any:
    """Return the event without data of users. If this fails, the event is not sent."""
    sent = chosen(event, EVENT)
    if request := event.get("request"):
        sent["request"] = chosen(request, REQUEST)
        sent["request"]["url"] = str(request.get("url", "")).partition("?")[0]
    if exceptions := (event.get("exception") or {}).get("values"):
        sent["exception"] = {"values": [without_text(exception) for exception in exceptions]}
    if record := hint.get("log_record"):
        sent["logentry"] = {"message": template(record)}
    sent["tags"] = chosen(get_contextvars(), IDS)
    return redacted(sent)


def without_text(exception: Mapping[str, Any]) -> dict[str, Any]:
    """Return type and source lines of an exception."""
    sent = chosen(exception, EXCEPTION)
    sent["mechanism"] = chosen(exception.get("mechanism") or {}, MECHANISM)
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    sent["stacktrace"] = {"frames": [chosen(frame, FRAME) for frame in frames]}
    return sent


def template(record: logging.LogRecord) -> str:
    """Return the message of a log line without its values."""
    if record.name in OWN_MESSAGES:
        return record.getMessage()
    message: Any = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    # An error in place of a message: its text has data.
    return message if isinstance(message, str) else type(message).__name__


def chosen(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the values with these names."""
    return {name: values[name] for name in names if name in values}


def redacted(value: Any) -> Any:
    """Return the value with the tokens of links, and passwords in URLs, hidden in all texts."""
    match value:
        case str():
            return hide_tokens(value)
        case Mapping():
            return {key: redacted(one) for key, one in value.items()}
        case list():
            return [redacted(one) for one in value]
        case _:
            return value
