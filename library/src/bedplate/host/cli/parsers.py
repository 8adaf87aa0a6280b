"""The parser of a command's options."""

import argparse
import re
import sys
from typing import Any, Final, NoReturn

from bedplate.host.console import write

SECONDS: Final = re.compile("[1-9][0-9]{0,3}")


class CommandParser(argparse.ArgumentParser):
    """A parser that prints a problem in a line of its own, then the usage. It takes no abbreviated options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print the problem and the usage; exit with 2."""
        if choice := re.fullmatch(r"argument (\S+): invalid choice: (.+) \(choose from (.+)\)", message):
            choices = choice[3].replace("'", "")
            option = f"{choice[1].rpartition('/')[2]} " if choice[1].startswith("-") else ""
            message = f"{option}{choice[2]} is not one of: {choices}."
        problem = re.sub(r"^argument (?:\S+/)?(-\S+): ", r"\1 ", message)
        problem = problem.replace("unrecognized arguments: ", "Unknown option: ")
        problem = problem.replace("expected one argument", "needs a value.")
        problem = re.sub("^the following arguments are required: (.+)", r"Missing: \1.", problem)
        write(f"{problem}\n\n{self.format_usage()}\nAll options: {self.prog} --help\n", sys.stderr)
        raise SystemExit(2)


def command_parser(prog: str, description: str, epilog: str, usage: str | None = None) -> CommandParser:
    """Return a parser that prints these texts as they are."""
    return CommandParser(prog=prog, usage=usage, description=description, epilog=epilog)


def seconds(text: str) -> int:
    """Return the seconds of --wait. Raise ArgumentTypeError if it is not a number."""
    if not SECONDS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"needs a number of seconds, not '{text}'.")
    return int(text)


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option --wait."""
    wait = "how long a container may take to become healthy (120)"
    parser.add_argument("--wait", type=seconds, default=120, metavar="SECONDS", help=wait)


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option --yes."""
    unasked = "do not ask before acting; without a terminal nothing is asked either"
    parser.add_argument("-y", "--yes", action="store_true", help=unasked)
