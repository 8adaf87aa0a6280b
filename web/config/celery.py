"""The Celery application: `celery --app config worker`."""

import os
from typing import Any

from bedplate.django.broker import use_patched_transports
from bedplate.django.operations.worker import HEARTBEAT_FILE_OPTION, Heartbeat, Leases
from celery import Celery, Task, signals
from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

use_patched_transports()
app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["worker"].add(HEARTBEAT_FILE_OPTION)
app.steps["consumer"].update([Heartbeat, Leases])


@signals.setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Keep the configuration of `bedplate.django.logs`: with a receiver of this signal, Celery has none of its own."""


@signals.before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Add the id of the request, or task, that starts a task to its message."""
    if request_id := get_contextvars().get("request_id"):
        headers["request_id"] = request_id


@signals.task_prerun.connect
def bind_task(task_id: str, task: Task[Any, Any], **_: Any) -> None:
    """Add the ids of the running task, and of the request that started it, to the log context."""
    described = {"task_id": task_id, "request_id": task.request.get("request_id")}
    tokens = bind_contextvars(**{name: value for name, value in described.items() if value})
    task.request.update(log_tokens=tokens)


@signals.task_postrun.connect
def unbind_task(task: Task[Any, Any], **_: Any) -> None:
    """Clear the task's log context."""
    reset_contextvars(**task.request.get("log_tokens", {}))
