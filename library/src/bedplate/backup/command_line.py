"""The command line of `./google_storage.sh`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bedplate.backup.actions import (
    open_session,
    read_identity,
    run_authenticate,
    run_back_up,
    run_check,
    run_check_bucket,
    run_export,
    run_prune,
    run_public_key,
    run_restore,
    run_sign,
    run_undo,
    run_verify,
)
from bedplate.backup.bucket_rights import PURPOSES
from bedplate.backup.commands.list_backups import list_backups
from bedplate.backup.commands.restore import REASONS
from bedplate.backup.configuration import Configuration, read_configuration
from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.backup.interruptions import Interruption, handle_interruptions
from bedplate.backup.progress import open_progress
from bedplate.backup.unexpected_errors import report

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED, WRONG_USE = 1, 2
BELONGS_TO = {
    "--environment": ("--prune", "--check-bucket"),
    "--key-file": ("-a",),
    "--json": ("-l",),
    "--dry-run": ("--prune",),
    "--not-anonymised": ("--export",),
    "--accept-unsigned": ("-r", "--verify"),
    "--forget-lost": ("--check",),
    **dict.fromkeys(("--forget-set-aside", "--without-backup-first"), ("-r",)),
}

EXAMPLES = """\b
Examples:
  ./google_storage.sh -a                      sign in with a browser
  ./google_storage.sh -a --key-file key.json  sign in as a service account
  ./google_storage.sh -l                      list the backups
  ./google_storage.sh -r latest:prod          production's newest, anonymized
  ./google_storage.sh --undo                  bring back the previous data
  ./google_storage.sh -r URL --without-backup-first damaged-database
                                              PROD, when it cannot be backed up
  ./google_storage.sh -b                      back up this stack
  ./google_storage.sh --prune --dry-run       show what retention would remove

Exit status: 0 done, 1 failed, 2 invalid usage, 130 interrupted (143 by SIGTERM).
"""

application = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@application.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
def run(  # noqa: PLR0913 - one parameter per option
    *,
    authenticate: Annotated[
        bool, typer.Option("-a", "--authenticate", help="Give this machine access to the bucket.")
    ] = False,
    listing: Annotated[
        bool, typer.Option("-l", "--list", help="List the backups of all environments, newest first.")
    ] = False,
    backup: Annotated[bool, typer.Option("-b", "--backup", help="Back up database and media.")] = False,
    restoring: Annotated[
        str,
        typer.Option(
            "-r", "--restore", metavar="URL", help="Restore a backup: its URL, latest, or latest:ENVIRONMENT."
        ),
    ] = "",
    verifying: Annotated[
        str, typer.Option("--verify", metavar="URL", help="Verify a backup: restore an isolated copy, and compare.")
    ] = "",
    undoing: Annotated[
        bool, typer.Option("--undo", help="Bring back the data that the last restore replaced.")
    ] = False,
    pruning: Annotated[bool, typer.Option("--prune", help="Remove the backups that retention does not keep.")] = False,
    checking: Annotated[
        bool, typer.Option("--check", help="Fail when the newest backup or verification, or pruning, is too old.")
    ] = False,
    checking_bucket: Annotated[
        str,
        typer.Option(
            "--check-bucket",
            metavar="ACCOUNT",
            help=f"Compare the rights of this account of the bucket with the expected ones: {', '.join(PURPOSES)}.",
        ),
    ] = "",
    publishing: Annotated[
        bool,
        typer.Option(
            "--public-key", help="Print the line for web/config/backup_signers, so that others trust this key."
        ),
    ] = False,
    signing: Annotated[
        bool, typer.Option("--sign", help="Print a signature of standard input, such as an archive to hand over.")
    ] = False,
    exporting: Annotated[
        str,
        typer.Option(
            "--export",
            metavar="PARTS",
            help="Write database, media, or database,media as a tar to standard output, anonymized: to hand over. "
            "./bedplate archive puts it beside the code.",
        ),
    ] = "",
    not_anonymized: Annotated[
        bool, typer.Option("--not-anonymised", help="With --export: with all personal data.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --prune: show what would be removed, and why.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With -l: print JSON, for programs.")] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="With -a: the key of a service account.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="With -a: the port that the browser is redirected to.")] = 8765,
    project: Annotated[
        str,
        typer.Option(
            "--project",
            metavar="SLUG",
            help="With -l, -r, --verify, --prune and --check-bucket: backups of another project, such as this site's "
            "other environment.",
        ),
    ] = "",
    environment: Annotated[
        str,
        typer.Option(
            "--environment",
            metavar="NAME",
            help="With --prune and --check-bucket: backups of another environment, such as prod.",
        ),
    ] = "",
    identity_file: Annotated[
        Path | None,
        typer.Option(
            "--identity-file",
            metavar="FILE",
            help="With -r and --verify: the age key that reads encrypted backups, for this command alone. "
            "- is standard input.",
        ),
    ] = None,
    yes: Annotated[  # noqa: ARG001 - only PROD asks, and a habit must not answer there
        bool, typer.Option("-y", "--yes", help="Ask nothing. In PROD, -r and --undo take --yes-replace all the same.")
    ] = False,
    yes_replace: Annotated[
        str,
        typer.Option(
            "--yes-replace", metavar="ENVIRONMENT", help="With -r and --undo in PROD: prod, instead of typing it."
        ),
    ] = "",
    without_backup_first: Annotated[
        str,
        typer.Option(
            "--without-backup-first",
            metavar="WHY",
            help="With -r in PROD: restore although the live data cannot be backed up, because of: "
            f"{', '.join(REASONS)}. The live data is kept: --undo brings it back.",
        ),
    ] = "",
    accept_unsigned: Annotated[
        bool,
        typer.Option(
            "--accept-unsigned",
            help="With -r and --verify, and a URL: accept a backup that no trusted key has signed.",
        ),
    ] = False,
    forget_lost: Annotated[
        bool, typer.Option("--forget-lost", help="With --check: stop expecting backups that the store has lost.")
    ] = False,
    forget_set_aside: Annotated[
        bool, typer.Option("--forget-set-aside", help="With -r: previous data that is in no backup may be removed.")
    ] = False,
    scheduled: Annotated[bool, typer.Option("--scheduled", help="For cron: do nothing outside of PROD.")] = False,
) -> None:
    """Backups of this project: database and media, in Google Cloud Storage or a folder (BACKUP_URL in .env)."""
    progress = open_progress()
    wanted: dict[str, tuple[object, Callable[[Configuration], None]]] = {
        "-a": (authenticate, lambda configuration: run_authenticate(configuration, key_file=key_file, port=port)),
        "-l": (
            listing,
            lambda configuration: list_backups(open_session(configuration, progress, project=project), as_json=as_json),
        ),
        "-b": (backup, lambda configuration: run_back_up(open_session(configuration, progress))),
        "-r": (
            restoring,
            lambda configuration: run_restore(
                open_session(configuration, progress, url=restoring, project=project, accept_unsigned=accept_unsigned),
                restoring,
                yes_replace,
                without_backup_first,
                forget=forget_set_aside,
            ),
        ),
        "--verify": (
            verifying,
            lambda configuration: run_verify(
                open_session(configuration, progress, url=verifying, project=project, accept_unsigned=accept_unsigned),
                verifying,
                scheduled=scheduled,
            ),
        ),
        "--undo": (undoing, lambda configuration: run_undo(open_session(configuration, progress), yes_replace)),
        "--export": (
            exporting,
            lambda configuration: run_export(configuration, progress, exporting, anonymized=not not_anonymized),
        ),
        "--prune": (
            pruning,
            lambda configuration: run_prune(
                open_session(configuration, progress, project=project, environment=environment),
                dry_run=dry_run,
                scheduled=scheduled,
            ),
        ),
        "--check": (
            checking,
            lambda configuration: run_check(open_session(configuration, progress), forget=forget_lost),
        ),
        "--public-key": (publishing, run_public_key),
        "--sign": (signing, run_sign),
        "--check-bucket": (
            checking_bucket,
            lambda configuration: run_check_bucket(
                open_session(configuration, progress, project=project, environment=environment), checking_bucket
            ),
        ),
    }
    chosen = [name for name, (given, _) in wanted.items() if given]
    if len(chosen) != 1:
        raise WrongUseError(
            f"Give one of {', '.join(wanted)}: not {' and '.join(chosen) or 'nothing'}. --help explains them."
        )
    require_own_options(
        chosen[0],
        {
            "--environment": environment,
            "--key-file": key_file,
            "--json": as_json,
            "--dry-run": dry_run,
            "--not-anonymised": not_anonymized,
            "--accept-unsigned": accept_unsigned,
            "--forget-lost": forget_lost,
            "--forget-set-aside": forget_set_aside,
            "--without-backup-first": without_backup_first,
        },
    )
    configuration = read_configuration()
    if identity_file:
        configuration = configuration.with_identity(read_identity(identity_file))
    if scheduled and configuration.environment != "prod":
        progress.say("Not PROD: nothing is scheduled here. ./google_storage.sh does it on demand.")
        return
    try:
        wanted[chosen[0]][1](configuration)
    except Interruption as interruption:  # Typer would exit with the status of Ctrl-C, without a message
        _end(interruption.status, str(interruption))


def require_own_options(command: str, options: dict[str, object]) -> None:
    """Raise WrongUseError where an option belongs to another command: it would be ignored."""
    for name, value in options.items():
        if value and command not in BELONGS_TO[name]:
            advice = " -r and --verify take latest:ENVIRONMENT; -l lists all." if name == "--environment" else ""
            raise WrongUseError(f"{name} belongs to {' and '.join(BELONGS_TO[name])}: not to {command}.{advice}")


def main() -> NoReturn:
    """Run the command and exit: 0 done, 1 failed, 2 invalid usage, 130 or 143 interrupted."""
    handle_interruptions()
    try:
        application(prog_name="./google_storage.sh")
    except WrongUseError as error:
        _end(WRONG_USE, f"Error: {error}")
    except BackupError as error:
        _end(FAILED, f"Failed: {error}")
    except OSError as error:
        _end(FAILED, f"Failed: {error}")
    except Interruption as interruption:
        _end(interruption.status, str(interruption))
    except Exception as error:  # the last resort: the user gets a line, and the traceback is stored
        _end(FAILED, f"Failed: {report(error)}")
    sys.exit(0)


def _end(status: int, text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(status)
