"""`./bedplate certificates`: pass the options to the certificates program, in the container of cron."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.server_in_use import check_runs, find_server
from bedplate.host.cli.parsers import command_parser
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file
from bedplate.host.console import exit_status
from bedplate.host.errors import AbortError
from bedplate.host.programs import run_to_its_end
from bedplate.host.swarm import machines

EPILOG: Final = """\
How to: library/docs/how-to/certificates.md
Exit status: 0 done, or nothing to do; 1 failed (with the reason); 2 invalid usage.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./bedplate certificates", "The certificate of a server's site.", EPILOG)
    actions = parser.add_subparsers(dest="action", metavar="renew|install")
    renew = actions.add_parser("renew", help="request the certificate when it is due, the first one too")
    renew.add_argument("--force", action="store_true", help="also if it is not due; issuers limit these requests")
    actions.add_parser("install", help="serve the certificate on standard input: key and certificates in PEM")
    options = parser.parse_args(arguments)
    if not options.action:
        parser.error("give an action: renew or install")
    return options


def perform(options: argparse.Namespace) -> None:
    """Run the program in the container; exit with its status."""
    check_docker()
    find_server("it has no certificate.", "A server has: library/docs/how-to/first-server.md")
    env_file.follow()
    if machines.are_several():
        raise AbortError(
            "on several machines, TLS for visitors ends at the balancer: its certificate belongs there.",
            f"See {machines.HOW_TO}",
        )
    check_runs("cron")
    force = ["--force"] if options.action == "renew" and options.force else []
    terminal = [] if sys.stdin.isatty() and sys.stdout.isatty() else ["--no-TTY"]
    command = compose("exec", *terminal, "cron", "python", "-m", "bedplate.certificates", options.action, *force)
    raise SystemExit(run_to_its_end(command))


def main(arguments: Sequence[str]) -> int:
    """Renew or install a certificate. Return the exit status."""
    options = parse(arguments)
    return exit_status(partial(perform, options), interrupted="Interrupted.")
