"""`python -m bedplate.certificates`: the command line and the exit status."""

import signal
import sys
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

from bedplate.certificates.commands.install import install
from bedplate.certificates.commands.renew import renew
from bedplate.certificates.configuration import read_configuration
from bedplate.certificates.errors import CertificateError, UsageError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

application = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The site's certificate. How to: library/docs/how-to/certificates.md",
    epilog="Exit status: 0 done, or nothing to do; 1 failed, with the reason; 2 wrong usage.",
)


@application.command("renew")
def run_renew(
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if not due. Issuers limit these requests.")] = False,
) -> None:
    """Request the certificate if there is none, or it is due."""
    _print(renew(read_configuration(), force=force, now=datetime.now(UTC)))


@application.command("install")
def run_install() -> None:
    """Install the certificate on standard input: key and certificates in PEM, the site's own first."""
    _print(install(read_configuration(), sys.stdin.buffer.read(), now=datetime.now(UTC)))


def main() -> NoReturn:
    """Run the command and exit with its status: 0 done, 1 failed, 2 wrong usage."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that temporary files are removed
    try:
        application(prog_name="python -m bedplate.certificates")
    except UsageError as error:
        _exit(WRONG_USAGE, f"Error: {error}")
    except (CertificateError, OSError) as error:
        _exit(FAILED, f"Failed: {error}")
    except KeyboardInterrupt:
        _exit(INTERRUPTED, "Interrupted.")
    sys.exit(0)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _exit(status: int, text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(status)
