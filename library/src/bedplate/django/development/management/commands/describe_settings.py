"""`manage.py describe_settings`: prints the page about all variables."""

from typing import Any

from bedplate.django.development.reference import settings_page
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints docs/reference/settings.md, generated from the class of `settings.ENVIRONMENT`."""

    help = "Print the page about all variables: docs/reference/settings.md."
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        """Print the page."""
        self.stdout.write(settings_page(type(settings.ENVIRONMENT)), ending="")
