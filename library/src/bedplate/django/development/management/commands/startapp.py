"""`manage.py startapp`: a new application in the project's form."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from bedplate.django import development
from django.core.management.commands import startapp

TEMPLATE: Final = Path(development.__file__).with_name("app_template")


class Command(startapp.Command):
    """Makes an application that the project's linters find nothing in."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the library's template unless another is named."""
        super().add_arguments(parser)
        parser.set_defaults(template=str(TEMPLATE))
