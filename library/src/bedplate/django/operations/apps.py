"""The application `operations`."""

from importlib import import_module
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.collations import check_collations


class OperationsConfig(AppConfig):
    """Operation of the site: background tasks and health."""

    name = "bedplate.django.operations"
    label = "operations"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Operations")

    def ready(self) -> None:
        """Load the project's Celery application, register a check, create the folders of embedded mode's queue."""
        import_module(settings.TASKS_APPLICATION)
        checks.register(check_collations, checks.Tags.database)
        for option in ("data_folder_in", "data_folder_out", "control_folder"):
            # Neither Celery nor kombu creates them.
            if folder := settings.CELERY_BROKER_TRANSPORT_OPTIONS.get(option):
                Path(folder).mkdir(parents=True, exist_ok=True)
