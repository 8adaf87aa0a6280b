"""`manage.py page_weight`: prints what a browser loads for a page."""

from typing import Any

from bedplate.django.development.page_weight import weights
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.test import Client


class Command(BaseCommand):
    """Prints the compressed sizes of a page, as a visitor who is not signed in gets it, and of all that it loads."""

    help = "Print the compressed size of a page and of everything that it loads (needs a built frontend)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the path of the page, and the limit."""
        parser.add_argument("path", nargs="?", default="/", help="path of the page (default: %(default)s)")
        parser.add_argument("--limit", type=float, help="fail above this many kilobytes (1,000 bytes)")

    def handle(self, *_: Any, path: str, limit: float | None, **__: Any) -> None:
        """Print the sizes. Raise CommandError for a page that is not shown, or above the limit."""
        if getattr(settings, "VITE_SERVES", False):
            raise CommandError("Here Vite serves the frontend unbuilt. Run this in embedded mode, DEV or PROD.")
        visitor = Client(headers={"host": "localhost", "x-forwarded-proto": "https"})  # as nginx passes a request on
        response = visitor.get(path, follow=True, secure=True)
        if response.status_code != 200:  # noqa: PLR2004
            raise CommandError(f"{path} answers {response.status_code}.")
        found = weights(response.content.decode())
        total = sum(found.values())
        for name, size in (*sorted(found.items(), key=lambda item: -item[1]), ("together", total)):
            self.stdout.write(f"{size / 1000:8.1f} KB  {name}")
        if limit is not None and total > 1000 * limit:
            raise CommandError(f"{path} is above its limit of {limit:g} KB.")
