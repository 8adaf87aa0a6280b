"""The application `operations_page`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsPageConfig(AppConfig):
    """The page about operations, its metrics, and the records of backups that it shows."""

    name = "bedplate.django.operations_page"
    label = "bedplate_operations_page"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Backups")
