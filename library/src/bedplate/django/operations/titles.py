"""The titles of background tasks, for people: a task declares its own, `@shared_task(…, title=gettext_lazy("…"))`."""

from functools import cache
from typing import Any

from celery import current_app


def title_of(name: str) -> str:
    """Return the task's title in the current language; its name if it is unknown or has no title."""
    return str(getattr(registered_tasks().get(name), "title", "") or name)


@cache
def registered_tasks() -> Any:
    """Return the tasks of all apps by name. A worker loads them at its start, another process when it needs them."""
    current_app.loader.import_default_modules()
    return current_app.tasks
