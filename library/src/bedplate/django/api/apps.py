"""The application `api`."""

from importlib import import_module
from typing import Any, Final

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

UNUSED: Final = ["redoc.standalone.js*", "swagger-ui-bundle.js.map"]
"""Static files of django-ninja that no page loads: 6 MB, which each build of an image would compress."""


class ApiConfig(AppConfig):
    """An HTTP API for programs: authentication, tokens, limits and errors. Its resources are the project's."""

    name = "bedplate.django.api"
    label = "bedplate_api"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("API")

    def ready(self) -> None:
        """Connect the receivers. Leave out unused files when static files are collected."""
        import_module("bedplate.django.api.receivers")
        staticfiles: Any = apps.get_app_config("staticfiles")
        staticfiles.ignore_patterns = [*staticfiles.ignore_patterns, *UNUSED]
