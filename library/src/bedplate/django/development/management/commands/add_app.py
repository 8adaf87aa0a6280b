"""`manage.py add_app`: adds an app with a page, for `./bedplate add-app`."""

from typing import Any

from bedplate.django.development.new_app.names import Names, UnusableNameError, address
from bedplate.django.development.new_app.writing import Added, NotAddedError, add
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Adds an app whose tests pass at once."""

    help = (
        "Add an app to web/, with a model, its migration, pages on which users see their own, the administration, "
        "anonymization rules and tests."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the names."""
        parser.add_argument("name", help="the name of its package, usually a plural: order_items")
        parser.add_argument("--model", default="", help="the name of its model: OrderItem (the name's singular)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Add the app, and print what was written and what comes next."""
        try:
            names = Names.of(options["name"], options["model"])
            added = add(names, settings.BASE_DIRECTORY)
        except UnusableNameError as error:
            raise CommandError(f"{error} Nothing was changed.") from None
        except NotAddedError as error:
            raise CommandError(f"{error}\nNothing was changed.") from None
        self._report(names, added)

    def _report(self, names: Names, added: Added) -> None:
        for title, files in (("Created", added.created), ("Changed", added.changed)):
            for file in files:
                self.stdout.write(f"  {title} web/{file.relative_to(settings.BASE_DIRECTORY)}")
        if not any(file.name == "header.html" for file in added.changed):
            self.stdout.write(f"Link to it where people look for it: {{% url '{address(names.name)}' %}}")
        for language, texts in added.untranslated.items():
            listed = ", ".join(f'"{text}"' for text in texts)
            self.stdout.write(f"To translate in web/locale/{language}/LC_MESSAGES/django.po: {listed}")
        self.stdout.write(f"Now migrate the database: the page is at /{address(names.name)}/.")
