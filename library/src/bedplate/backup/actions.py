"""The action of each option of `./google_storage.sh`, with its messages."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bedplate.backup.bucket_rights import Finding
from bedplate.backup.catalog import ACCEPT
from bedplate.backup.commands.back_up import back_up
from bedplate.backup.commands.check import check
from bedplate.backup.commands.export import PARTS, export
from bedplate.backup.commands.list_backups import WIDTH_OF_A_FILE, size
from bedplate.backup.commands.prune import plan_pruning, prune
from bedplate.backup.commands.restore import REASONS, restore
from bedplate.backup.commands.undo import undo
from bedplate.backup.commands.verify import verify
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import BackupError, StaleBackupsError, UnusableBackupError, WrongUseError
from bedplate.backup.names import SLUG, split_url
from bedplate.backup.progress import Progress
from bedplate.backup.report import report_backups
from bedplate.backup.session import Installation, Session
from bedplate.backup.signatures import EXPORT


def open_session(  # noqa: PLR0913 - an option each
    configuration: Configuration,
    progress: Progress,
    *,
    url: str = "",
    project: str = "",
    environment: str = "",
    accept_unsigned: bool = False,
) -> Session:
    """Return the session of a command, with the store of a backup's URL, or this project's own store."""
    if project and not SLUG.fullmatch(project):
        raise WrongUseError(f"--project takes a project's slug, as in COMPOSE_PROJECT_NAME: not {project}.")
    if environment and not SLUG.fullmatch(environment):
        raise WrongUseError(f"--environment takes an environment's name, such as prod: not {environment}.")
    if accept_unsigned and "://" not in url:
        raise WrongUseError(f"{ACCEPT} is for one backup, given by its URL: -l lists them. {url} skips unsigned ones.")
    store = configuration.open_store(split_url(url)[0] if "://" in url else None)
    for problem in configuration.trust.problems:
        progress.say(problem)
    return Session(
        configuration,
        progress,
        store,
        source=project,
        source_environment=environment,
        accept_unsigned=accept_unsigned,
    )


def read_identity(file: Path) -> str:
    """Return the age keys in a file; `-` is standard input."""
    try:
        return sys.stdin.read() if file == Path("-") else file.read_text()
    except OSError as error:
        raise WrongUseError(f"The identity file {file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise WrongUseError(f"The identity file {file} is not a text file.") from None


def run_authenticate(configuration: Configuration, *, key_file: Path | None, port: int) -> None:
    """Store credentials that give access to the bucket."""
    from bedplate.backup.commands.authenticate import authenticate  # noqa: PLC0415 - Google's packages take half a second

    authenticate(configuration, key_file=key_file, port=port)


def run_back_up(session: Session) -> None:
    """Make a backup and print its URL."""
    started = time.monotonic()
    manifest = back_up(session)
    report_backups(session, seconds={manifest.name: time.monotonic() - started})
    session.progress.say(
        f"Backed up: a database of {size(manifest.database_size)} and {manifest.media_files} media files. "
        f"Stored: {size(manifest.size)}."
    )
    sys.stdout.write(f"{session.store.url}/{manifest.name}\n")


def run_restore(session: Session, wanted: str, yes_replace: str, without_backup_first: str, *, forget: bool) -> None:
    """Restore a backup and print the result."""
    reasons = frozenset(without_backup_first.split(",")) if without_backup_first else frozenset[str]()
    if not reasons <= frozenset(REASONS):
        raise WrongUseError(f"--without-backup-first takes {', '.join(REASONS)}: not {without_backup_first}.")
    configuration, progress = session.configuration, session.progress
    _confirm(configuration, yes_replace)
    restored = restore(session, wanted, without_backup_first=reasons, forget_set_aside=forget)
    progress.say(f"Restored {session.store.url}/{restored.manifest.name}, and {restored.media_files} media files.")
    if restored.anonymized:
        variables = configuration.variables
        progress.say(f"Personal data is anonymized. Log in as {variables.default_user_email} (password: see .env).")
    progress.say("The previous data is kept until the next restore: ./google_storage.sh --undo brings it back.")


def run_verify(session: Session, wanted: str, *, scheduled: bool) -> None:
    """Verify a backup."""
    encryption = session.configuration.encryption
    if scheduled and encryption.recipients and not encryption.identities:
        session.progress.say("This server cannot read its own backups, as intended: the drill runs where the key is.")
        return
    try:
        manifest = verify(session, wanted)
    except UnusableBackupError:
        report_backups(session)
        raise
    report_backups(session)
    session.progress.say(f"Verified: {session.store.url}/{manifest.name} restores to the data that was backed up.")


def run_export(configuration: Configuration, progress: Progress, wanted: str, *, anonymized: bool) -> None:
    """Write an export to standard output."""
    parts = frozenset(wanted.split(","))
    if not parts <= PARTS:
        raise WrongUseError(f"--export takes {','.join(sorted(PARTS))}, or one of them: not {wanted}.")
    if sys.stdout.isatty():
        raise WrongUseError("--export writes a tar to standard output: write > FILE.tar after it.")
    left_out = export(Installation(configuration, progress), sys.stdout.buffer, parts, anonymized=anonymized)
    if left_out:
        progress.say(f"{left_out} media files were left out: no field with the rule KeepFile refers to them.")


def run_undo(session: Session, yes_replace: str) -> None:
    """Undo the last restore."""
    _confirm(session.configuration, yes_replace)
    undo(session)
    session.progress.say("Undone: the data that the last restore replaced is live again. Run --undo again to go back.")


def run_prune(session: Session, *, dry_run: bool, scheduled: bool) -> None:
    """Print the backups that retention keeps and removes."""
    if scheduled and session.configuration.prunes_elsewhere:
        session.progress.say("Nothing is removed here: pruning runs elsewhere (BACKUP_PRUNING).")
        return
    decided = plan_pruning(session) if dry_run else prune(session)
    for name, reasons in decided.keep.items():
        sys.stdout.write(f"keep    {session.store.url}/{name}: {', '.join(reasons)}\n")
    for name, reason in decided.remove.items():
        sys.stdout.write(f"{'remove ' if dry_run else 'removed'} {session.store.url}/{name}: {reason}\n")


def run_check(session: Session, *, forget: bool) -> None:
    """Print that all is well, or fail."""
    try:
        check(session, forget_missing=forget)
    except StaleBackupsError:
        report_backups(session)
        raise
    report_backups(session)
    session.progress.say("The newest backup and the newest verification are recent.")


def run_public_key(configuration: Configuration) -> None:
    """Print the line of `backup_signers` for this environment's key."""
    sys.stdout.write(f"{configuration.trust.line}\n")


def run_sign(configuration: Configuration) -> None:
    """Print the signature of standard input."""
    if sys.stdin.isatty():
        raise WrongUseError("--sign signs standard input: write <FILE >FILE.sig after it.")
    sys.stdout.buffer.write(configuration.trust.key.sign_file(sys.stdin.buffer, EXPORT))


def _confirm(configuration: Configuration, yes_replace: str) -> None:
    """Ask the user to confirm that PROD is replaced. Raise WrongUseError if they do not."""
    environment = configuration.environment
    if environment != "prod":
        return
    if not yes_replace and sys.stdin.isatty():
        sys.stderr.write(f"This replaces the data of {configuration.project}'s PROD. Type {environment} to go on: ")
        sys.stderr.flush()
        yes_replace = sys.stdin.readline().strip()
    if yes_replace != environment:
        raise WrongUseError(f"PROD's data is replaced only on --yes-replace {environment}.")


def run_check_bucket(session: Session, purpose: str) -> None:
    """Print the rights of an account of the bucket. Raise BackupError when they are not as they should be."""
    from bedplate.backup.commands.check_bucket import check_bucket  # noqa: PLC0415 - Google's packages take half a second

    findings = check_bucket(session, purpose)
    console = Console()
    Console(width=None if console.is_terminal else WIDTH_OF_A_FILE).print(_table(findings))
    if wrong := [finding for finding in findings if not finding.good]:
        advice = " ".join(finding.advice for finding in wrong if finding.advice)
        raise BackupError(
            f"{len(wrong)} of {len(findings)} are not as they should be for the account of a {purpose}. {advice} "
            "How: library/docs/how-to/bucket-accounts.md"
        )
    session.progress.say(f"The account and the bucket are as they should be for: {purpose}.")


def _table(findings: list[Finding]) -> Table:
    table = Table("What", "Expected", "Found", "", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(finding.what, finding.expected, finding.found, "" if finding.good else "[red]wrong[/]")
    return table
