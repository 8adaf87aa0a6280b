"""`python -m bedplate.certificates`: what it accepts, and what it answers."""

import signal
import sys
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

from bedplate.certificates.configuration import read_configuration
from bedplate.certificates.errors import CertificateError, WrongUseError
from bedplate.certificates.verbs.install import install
from bedplate.certificates.verbs.renew import renew

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

application = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The site's certificate. How to: library/docs/how-to/certificates.md",
    epilog="Exit status: 0 done, or nothing to do; 1 failed, and why; 2 wrong use.",
)


@application.command("renew")
def run_renew(
    *,
    force: Annotated[bool, typer.Option("--force", help="Due or not. Issuers count these requests.")] = False,
) -> None:
    """Ask for the certificate when it is due, the first one too."""
    _say(renew(read_configuration(), force=force, now=datetime.now(UTC)))


@application.command("install")
def run_install() -> None:
    """Serve the certificate on standard input: key and certificates in PEM, the site's own first."""
    _say(install(read_configuration(), sys.stdin.buffer.read(), now=datetime.now(UTC)))


def main() -> NoReturn:
    """Run the command, and exit as it ends: 0 done, 1 failed, 2 wrong use."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was begun is cleaned up
    try:
        application(prog_name="python -m bedplate.certificates")
    except WrongUseError as error:
        _end(WRONG_USE, f"Error: {error}")
    except (CertificateError, OSError) as error:
        _end(FAILED, f"Failed: {error}")
    except KeyboardInterrupt:
        _end(INTERRUPTED, "Interrupted.")
    sys.exit(0)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _end(status: int, text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(status)
