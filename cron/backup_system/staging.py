"""A database beside the live one: filled from a dump, compared with it, migrated, anonymised."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from backup_system.django_commands import manage
from backup_system.errors import UnusableBackupError
from backup_system.manifest import Census
from backup_system.session import Installation

TIME_FORMAT: Final = "%Y%m%dt%H%M%S"
TIME_LENGTH: Final = 15


def new_identifier(installation: Installation) -> str:
    """Return the name of a restore. It sorts after those of all earlier ones, whatever the clock says."""
    moment = installation.now()
    for earlier in installation.database.previous()[-1:]:
        replaced = datetime.strptime(earlier[:TIME_LENGTH], TIME_FORMAT).replace(tzinfo=UTC)
        moment = max(moment, replaced + timedelta(seconds=1))
    return f"{moment.strftime(TIME_FORMAT)}_{secrets.token_hex(2)}"


def load(installation: Installation, dump: Path, census: Census, identifier: str, *, with_roles: bool = True) -> None:
    """Make a staging database from a dump. Raise BackupError when it does not hold what the census says."""
    progress, database = installation.progress, installation.database
    with progress.step("Restore beside the live database") as step:
        note = database.load(dump, identifier, roles=census.roles if with_roles else None, step=step)
    if note:
        progress.say(note)
    with progress.step("Compare with the backup's counts"):
        if differences := census.differences(database.census(identifier)):
            shown = "\n  ".join(differences[:20])
            raise UnusableBackupError(f"What was restored is not what was backed up:\n  {shown}")


def migrate(installation: Installation, identifier: str) -> None:
    """Migrate a staging database to what the code here expects."""
    with installation.progress.step("Migrate"):
        manage("migrate_restored", variables=installation.database.variables(identifier))


def anonymise(installation: Installation, identifier: str) -> set[str]:
    """Return the names of the media files that may stay, after a staging database was anonymised."""
    database = installation.database
    variables = database.variables(identifier)
    if installation.configuration.environment == "prod":
        variables["ENVIRONMENT"] = "dev"  # the command refuses PROD, for the sake of the live database: this is a copy
    kept = installation.workplace.staging(identifier) / "kept-files.json"
    with installation.progress.step("Anonymise"):
        name = database.name(identifier)
        manage("anonymise", "--database", name, "--kept-files", str(kept), variables=variables)
    return set(json.loads(kept.read_text()))


def create_default_user(installation: Installation, identifier: str) -> None:
    """Let somebody log in who knows the password in this installation's configuration."""
    manage("create_default_user", variables=installation.database.variables(identifier))
