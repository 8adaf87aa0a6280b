"""`./bedplate add-app`: run `manage.py add_app` where the project is installed."""

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Final

from bedplate.host import ROOT
from bedplate.host.cli.embedded import run_manage_command
from bedplate.host.cli.google_storage import engine_answers, is_server
from bedplate.host.cli.parsers import command_parser
from bedplate.host.commands import docker
from bedplate.host.configuration import env_file
from bedplate.host.console import exit_status, say
from bedplate.host.embedded.project import Project
from bedplate.host.errors import AbortError
from bedplate.host.programs import run_to_its_end

INTERRUPTED: Final = 130

DESCRIPTION: Final = """\
Adds an app to web/: a model with its migration, pages on which users see, add, change and delete their own, the
administration, anonymization rules, and tests, which pass at once. It is added to the settings, the URLs, the
navigation and the translations. You change it from there: library/docs/how-to/first-feature.md

All is written, or nothing. It needs an installed project: ./install_docker.sh or ./install_embedded.sh
"""
EPILOG: Final = """\
examples:
  ./bedplate add-app notes                           the model Note, at /notes/
  ./bedplate add-app shop --model Order              the model Order, at /shop/

Exit status: 0 added, 1 failed (with the reason), 2 invalid usage, 130 interrupted.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./bedplate add-app", DESCRIPTION, EPILOG)
    parser.add_argument("name", metavar="NAME", help="the name of its package, usually a plural: order_items")
    parser.add_argument("--model", metavar="MODEL", help="the name of its model: OrderItem (the name's singular)")
    parser.add_argument("--embedded", action="store_true", help="use embedded mode, if both are installed")
    return parser.parse_args(arguments)


def run(arguments: Sequence[str]) -> None:
    """Run the command line; exit with the status of `manage.py`."""
    options = parse(arguments)
    command = ["add_app", *(["--model", options.model] if options.model else []), "--", options.name]
    env = ROOT / ".env"
    if env.exists() and not options.embedded:
        in_docker(command, is_on_server=is_server(env_file.read(env)))
    elif (ROOT / ".env.embedded").exists():
        say("Adding the app …")
        run_manage_command(Project(ROOT), command)
    else:
        also = ", or ./install_embedded.sh --setup-only" if (ROOT / "install_embedded.sh").exists() else ""
        raise AbortError("nothing is installed in this folder yet.", f"First run ./install_docker.sh{also}.")


def in_docker(command: Sequence[str], *, is_on_server: bool) -> None:
    """Run it in a one-off container, whether the stack runs or not; exit with its status."""
    if is_on_server:
        raise AbortError("this folder is a server.", "Add the app on your own machine, commit it, and deploy.")
    if not engine_answers():
        raise AbortError("Docker does not answer. Start it, then run this again.")
    say("Adding the app …")
    manage = ("run", "--rm", "--no-deps", "--no-TTY", "web", "python", "manage.py")
    status = run_to_its_end(docker.compose("--progress", "quiet", *manage, *command))
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    raise SystemExit(status)


def main(arguments: Sequence[str]) -> int:
    """Add an app. Return the exit status."""
    return exit_status(partial(run, arguments), interrupted="Interrupted: nothing was added.")
