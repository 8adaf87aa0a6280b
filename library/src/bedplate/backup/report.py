"""Report the backups to the project's database, for the page about operations: the site cannot read the store."""

import json
from collections.abc import Mapping
from typing import Any, Final

from bedplate.backup.catalog import Backup
from bedplate.backup.django_commands import manage
from bedplate.backup.errors import BackupError
from bedplate.backup.names import BackupName
from bedplate.backup.session import Session

NEWEST: Final = 60  # backups, as many as the page shows
LONGEST_MESSAGE: Final = 255


def report_backups(session: Session, *, seconds: Mapping[BackupName, float] | None = None) -> None:
    """Report the newest backups of this environment, and how many seconds those took that were just made.

    Never raise: a backup without its report is a backup. The next hourly check reports it again. Embedded mode reports
    nothing: its database may be the very thing that is missing.
    """
    if session.source_project != session.configuration.project or session.configuration.variables.embedded:
        return
    try:
        manage("record_backups", variables={}, given=json.dumps(report(session, seconds=seconds or {})))
    except (BackupError, OSError) as error:
        session.progress.say(f"The page about operations does not show this: {error}")


def report(session: Session, *, seconds: Mapping[BackupName, float]) -> list[dict[str, Any]]:
    """Return the records of the newest backups of this environment that count."""
    found = [backup for backup in session.backups(session.configuration.environment) if usable(session, backup)]
    return [fields(backup, seconds=seconds.get(backup.name)) for backup in found[:NEWEST]]


def usable(session: Session, backup: Backup) -> bool:
    """Return whether the backup counts: it is signed by a trusted key, whole, and not dated in the future."""
    return backup.manifest is not None and not backup.distrust and not backup.name.is_in_the_future(session.now())


def fields(backup: Backup, *, seconds: float | None) -> dict[str, Any]:
    """Return the fields of the record. The duration is known only to the command that made the backup."""
    manifest, verification = backup.manifest, backup.verification
    found: dict[str, Any] = {
        "name": str(backup.name),
        "created": backup.name.created.isoformat(),
        "size": manifest.size if manifest else 0,
        "database_size": manifest.database_size if manifest else 0,
        "verified": verification.at.isoformat() if verification else None,
        "passed": verification.passed if verification else None,
        "message": printable(verification.message) if verification else "",
    }
    return found if seconds is None else found | {"seconds": round(seconds, 1)}


def printable(message: str) -> str:
    """Return the message of a drill as one short line: it may quote rows."""
    return "".join(character for character in message if character.isprintable())[:LONGEST_MESSAGE]
