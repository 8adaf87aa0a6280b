"""`./google_storage.sh`: what it accepts, and what it answers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bedplate.backup.configuration import Configuration, read_configuration
from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.backup.interruptions import Interruption, handle_interruptions
from bedplate.backup.names import SLUG, split_url
from bedplate.backup.progress import Progress, open_progress
from bedplate.backup.session import Installation, Session
from bedplate.backup.unforeseen import report
from bedplate.backup.verbs.back_up import back_up
from bedplate.backup.verbs.check import check
from bedplate.backup.verbs.export import PARTS, export
from bedplate.backup.verbs.list_backups import list_backups, size
from bedplate.backup.verbs.prune import plan_pruning, prune
from bedplate.backup.verbs.restore import REASONS, restore
from bedplate.backup.verbs.undo import undo
from bedplate.backup.verbs.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED, WRONG_USE = 1, 2

EXAMPLES = """\b
Examples:
  ./google_storage.sh -a                      sign in with a browser
  ./google_storage.sh -a --key-file key.json  sign in as a service account
  ./google_storage.sh -l                      which backups are there?
  ./google_storage.sh -r latest:prod          production's newest, anonymised
  ./google_storage.sh --undo                  bring back what that replaced
  ./google_storage.sh -r URL --without-backup-first damaged-database
                                              PROD, when it cannot be backed up
  ./google_storage.sh -b                      back up this stack
  ./google_storage.sh --prune --dry-run       what retention would remove, why

Exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted (143 by SIGTERM).
"""

application = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@application.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
def run(  # noqa: PLR0913 - an option each
    *,
    authenticate: Annotated[
        bool, typer.Option("-a", "--authenticate", help="Let this machine into the bucket.")
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
        str, typer.Option("--verify", metavar="URL", help="Prove a backup: restore it beside everything, and compare.")
    ] = "",
    undoing: Annotated[bool, typer.Option("--undo", help="Bring back what the last restore replaced.")] = False,
    pruning: Annotated[bool, typer.Option("--prune", help="Remove the backups that retention does not keep.")] = False,
    checking: Annotated[bool, typer.Option("--check", help="Fail when the newest backup or proof is too old.")] = False,
    exporting: Annotated[
        str,
        typer.Option(
            "--export",
            metavar="PARTS",
            help="Write database, media, or database,media as a tar to standard output, anonymised: to hand over. "
            "./create_archive.sh puts it beside the code.",
        ),
    ] = "",
    not_anonymised: Annotated[
        bool, typer.Option("--not-anonymised", help="With --export: with all personal data.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --prune: show what would be removed, and why.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With -l: for programs.")] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="With -a: the key of a service account.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="With -a: where the browser comes back to.")] = 8765,
    project: Annotated[
        str,
        typer.Option(
            "--project",
            metavar="SLUG",
            help="With -l, -r and --verify: backups of another project, such as this site's other environment.",
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
    yes: Annotated[  # noqa: ARG001 - nothing is asked but in PROD, where a habit must not answer
        bool, typer.Option("-y", "--yes", help="Ask nothing. In PROD, -r and --undo take --yes-replace all the same.")
    ] = False,
    yes_replace: Annotated[
        str,
        typer.Option(
            "--yes-replace", metavar="ENVIRONMENT", help="With -r and --undo in PROD: prod, in place of typing it."
        ),
    ] = "",
    without_backup_first: Annotated[
        str,
        typer.Option(
            "--without-backup-first",
            metavar="WHY",
            help="With -r in PROD: restore although what is live cannot be backed up, because of: "
            f"{', '.join(REASONS)}. What is live is set aside: --undo brings it back.",
        ),
    ] = "",
    forget_set_aside: Annotated[
        bool, typer.Option("--forget-set-aside", help="With -r: what was set aside and is in no backup may go.")
    ] = False,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", help="As cron does: only in PROD, else do nothing.")
    ] = False,
) -> None:
    """Backups of this project: database and media, in Google Cloud Storage or a folder (BACKUP_URL in .env)."""
    progress = open_progress()
    wanted: dict[str, tuple[object, Callable[[Configuration], None]]] = {
        "-a": (authenticate, lambda configuration: _authenticate(configuration, key_file=key_file, port=port)),
        "-l": (
            listing,
            lambda configuration: list_backups(_session(configuration, progress, "", project), as_json=as_json),
        ),
        "-b": (backup, lambda configuration: _back_up(_session(configuration, progress))),
        "-r": (
            restoring,
            lambda configuration: _restore(
                _session(configuration, progress, restoring, project),
                restoring,
                yes_replace,
                without_backup_first,
                forget=forget_set_aside,
            ),
        ),
        "--verify": (
            verifying,
            lambda configuration: _verify(
                _session(configuration, progress, verifying, project), verifying, scheduled=scheduled
            ),
        ),
        "--undo": (undoing, lambda configuration: _undo(_session(configuration, progress), yes_replace)),
        "--export": (
            exporting,
            lambda configuration: _export(configuration, progress, exporting, anonymised=not not_anonymised),
        ),
        "--prune": (pruning, lambda configuration: _prune(_session(configuration, progress), dry_run=dry_run)),
        "--check": (checking, lambda configuration: _check(_session(configuration, progress))),
    }
    chosen = [name for name, (given, _) in wanted.items() if given]
    if len(chosen) != 1:
        raise WrongUseError(
            f"Ask for one of {', '.join(wanted)}: not {' and '.join(chosen) or 'nothing'}. --help explains them."
        )
    configuration = read_configuration()
    if identity_file:
        configuration = configuration.with_identity(_read_identity(identity_file))
    if scheduled and configuration.environment != "prod":
        progress.say("Not PROD: nothing is scheduled here. ./google_storage.sh does it on demand.")
        return
    try:
        wanted[chosen[0]][1](configuration)
    except Interruption as interruption:  # Typer would end with the status of Ctrl-C, and without a word
        _end(interruption.status, str(interruption))


def main() -> NoReturn:
    """Run the command, and exit as it ends: 0 done, 1 failed, 2 wrong use, 130 or 143 interrupted."""
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
    except Exception as error:  # the last resort: people get a line, and the traceback is kept
        _end(FAILED, f"Failed: {report(error)}")
    sys.exit(0)


def _end(status: int, text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(status)


def _session(configuration: Configuration, progress: Progress, url: str = "", project: str = "") -> Session:
    if project and not SLUG.fullmatch(project):
        raise WrongUseError(f"--project takes a project's slug, as in COMPOSE_PROJECT_NAME: not {project}.")
    store = split_url(url)[0] if "://" in url else None
    return Session(configuration, progress, configuration.open_store(store), source=project)


def _read_identity(file: Path) -> str:
    try:
        return sys.stdin.read() if file == Path("-") else file.read_text()
    except OSError as error:
        raise WrongUseError(f"The identity file {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise WrongUseError(f"The identity file {file} is not a text.") from None


def _authenticate(configuration: Configuration, *, key_file: Path | None, port: int) -> None:
    from bedplate.backup.verbs.authenticate import authenticate  # noqa: PLC0415 - Google's packages take half a second

    authenticate(configuration, key_file=key_file, port=port)


def _back_up(session: Session) -> None:
    manifest = back_up(session)
    session.progress.say(
        f"Backed up: a database of {size(manifest.database_size)} and {manifest.media_files} media files. "
        f"Stored: {size(manifest.size)}."
    )
    sys.stdout.write(f"{session.store.url}/{manifest.name}\n")


def _restore(session: Session, wanted: str, yes_replace: str, without_backup_first: str, *, forget: bool) -> None:
    reasons = frozenset(without_backup_first.split(",")) if without_backup_first else frozenset[str]()
    if not reasons <= frozenset(REASONS):
        raise WrongUseError(f"--without-backup-first takes {', '.join(REASONS)}: not {without_backup_first}.")
    configuration, progress = session.configuration, session.progress
    _confirm(configuration, yes_replace)
    restored = restore(session, wanted, without_backup_first=reasons, forget_set_aside=forget)
    progress.say(f"Restored {session.store.url}/{restored.manifest.name}, and {restored.media_files} media files.")
    if restored.anonymised:
        variables = configuration.variables
        progress.say(f"Personal data is anonymised. Log in as {variables.default_user_email} (password: see .env).")
    progress.say("What was here before is kept until the next restore: ./google_storage.sh --undo brings it back.")


def _verify(session: Session, wanted: str, *, scheduled: bool) -> None:
    encryption = session.configuration.encryption
    if scheduled and encryption.recipients and not encryption.identities:
        session.progress.say("This server cannot read its backups, as is meant: the drill runs where the key is.")
        return
    manifest = verify(session, wanted)
    session.progress.say(f"Proven: {session.store.url}/{manifest.name} restores to what was backed up.")


def _export(configuration: Configuration, progress: Progress, wanted: str, *, anonymised: bool) -> None:
    parts = frozenset(wanted.split(","))
    if not parts <= PARTS:
        raise WrongUseError(f"--export takes {','.join(sorted(PARTS))}, or one of them: not {wanted}.")
    if sys.stdout.isatty():
        raise WrongUseError("--export writes a tar to standard output: write > FILE.tar after it.")
    left_out = export(Installation(configuration, progress), sys.stdout.buffer, parts, anonymised=anonymised)
    if left_out:
        progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")


def _undo(session: Session, yes_replace: str) -> None:
    _confirm(session.configuration, yes_replace)
    undo(session)
    session.progress.say("Undone: what the last restore replaced is live again. Undo again to go back.")


def _prune(session: Session, *, dry_run: bool) -> None:
    decided = plan_pruning(session) if dry_run else prune(session)
    for name, reasons in decided.keep.items():
        sys.stdout.write(f"keep    {session.store.url}/{name}: {', '.join(reasons)}\n")
    for name, reason in decided.remove.items():
        sys.stdout.write(f"{'remove ' if dry_run else 'removed'} {session.store.url}/{name}: {reason}\n")


def _check(session: Session) -> None:
    check(session)
    session.progress.say("The newest backup and its proof are recent.")


def _confirm(configuration: Configuration, yes_replace: str) -> None:
    """Have the person say that PROD is to be replaced. Raise WrongUseError if they do not."""
    environment = configuration.environment
    if environment != "prod":
        return
    if not yes_replace and sys.stdin.isatty():
        sys.stderr.write(f"This replaces the data of {configuration.project}'s PROD. Type {environment} to go on: ")
        sys.stderr.flush()
        yes_replace = sys.stdin.readline().strip()
    if yes_replace != environment:
        raise WrongUseError(f"PROD's data is replaced only on --yes-replace {environment}.")
