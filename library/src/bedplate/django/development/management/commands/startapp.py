"""`manage.py startapp`: creates an application in the project's style."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from bedplate.django import development
from django.core.management.commands import startapp

TEMPLATE: Final = Path(development.__file__).with_name("app_template")


class Command(startapp.Command):
    """Creates an application that passes the project's linters."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Use the library's template by default."""
        super().add_arguments(parser)
        parser.set_defaults(template=str(TEMPLATE))
