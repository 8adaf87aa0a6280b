"""Shared by both commands of the benchmark: options, messages on stderr, the result on stdout."""

import argparse
import logging
import sys
from collections.abc import Callable

from stack import BenchmarkError


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that both commands have."""
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--json", action="store_true", help="print all that was measured, as JSON")
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="COMMAND",
        help="also start the application with this command line, of granian or gunicorn; repeatable",
    )
    return parser


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace], str]) -> int:
    """Print the result. Return the exit code."""
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        sys.stdout.write(measure(options) + "\n")
    except BenchmarkError as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    return 0
