"""The application `api`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """An HTTP API for programs: authentication, tokens, limits and errors. Its resources are the project's."""

    name = "bedplate.django.api"
    label = "bedplate_api"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("API")
