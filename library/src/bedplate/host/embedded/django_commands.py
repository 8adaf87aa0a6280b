"""Runs `manage.py` commands one after the other in one process, each given as one argument: a program, run by path.

It runs in the application's environment; Django's own start takes longer than most of the commands.
"""

import os
import shlex
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command


def main() -> None:
    """Run the commands. Exit with the message alone where it says what to do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
        for command in sys.argv[1:]:
            call_command(*shlex.split(command))
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
