"""Connect the handlers."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate, post_save, pre_delete, pre_save

EVENTS = {
    "pre_delete": pre_delete,
    "post_delete": post_delete,
    "pre_save": pre_save,
    "post_save": post_save,
    "post_migrate": post_migrate,
}


class SpyConfig(AppConfig):
    """Connects the handlers to every model and every migration."""

    name = "spy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the handlers."""
        from spy.traces import leave_traces  # noqa: PLC0415 - Celery reads the settings

        for event, signal in EVENTS.items():

            def handle(event: str = event, **_signal: Any) -> None:
                leave_traces(event)

            signal.connect(handle, weak=False)
