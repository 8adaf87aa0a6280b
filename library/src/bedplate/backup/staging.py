"""A copy of the database: restore a dump into it, compare, migrate and anonymize it, with no access to live data."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bedplate.backup.databases import DJANGO, StagingDatabase
from bedplate.backup.django_commands import manage
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import DatabaseInventory
from bedplate.backup.session import Installation

TIME_FORMAT: Final = "%Y%m%dt%H%M%S"
TIME_LENGTH: Final = 15


def new_identifier(installation: Installation) -> str:
    """Return the id of a restore. It sorts after the ids of all earlier ones, whatever the clock says."""
    moment = installation.now()
    for earlier in installation.database.previous()[-1:]:
        replaced = datetime.strptime(earlier[:TIME_LENGTH], TIME_FORMAT).replace(tzinfo=UTC)
        moment = max(moment, replaced + timedelta(seconds=1))
    return f"{moment.strftime(TIME_FORMAT)}_{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Staging:
    """A staging database and its folder, which are removed with the run or the restore."""

    installation: Installation
    database: StagingDatabase
    folder: Path

    @classmethod
    def of_restore(cls, installation: Installation, identifier: str) -> "Staging":
        """Return the staging of a restore, beside the live database."""
        return cls(
            installation, installation.database.staging(identifier), installation.work_directory.staging(identifier)
        )

    def load(self, dump: Path, inventory: DatabaseInventory, *, with_roles: bool = True) -> str:
        """Restore the dump into the database; return notes for the user.

        Raise UnusableBackupError when it differs from the inventory.
        """
        progress = self.installation.progress
        with progress.step("Restore a copy") as step:
            note = self.database.load(dump, roles=inventory.roles if with_roles else None, step=step)
        if note:
            progress.say(note)
        with progress.step("Compare with the backup's counts"):
            if differences := inventory.differences(self.database.inventory()):
                shown = "\n  ".join(differences[:20])
                raise UnusableBackupError(f"The restored data differs from the data that was backed up:\n  {shown}")
        return note

    def migrate(self) -> None:
        """Migrate the database to the code here. Raise BackupError if newer code has migrated it."""
        with self.installation.progress.step("Migrate"):
            self._manage("migrate_restored")

    def anonymize(self) -> set[str]:
        """Anonymize the database. Return the names of the media files that may stay."""
        kept = self.folder / "kept-files.json"
        variables = {}
        if self.installation.configuration.environment == "prod":
            variables["ENVIRONMENT"] = "dev"  # the command refuses PROD, to protect its live database
        with self.installation.progress.step("Anonymize"):
            self._manage("anonymise", "--database", self.database.name, "--kept-files", str(kept), **variables)
        return set(json.loads(kept.read_text()))

    def create_default_user(self) -> None:
        """Create the default superuser, with the password from this installation's configuration."""
        password = self.installation.configuration.variables.default_user_password
        variables = {"DEFAULT_USER_PASSWORD": password.get_secret_value()} if password else {}
        self._manage("create_default_user", **variables)

    def _manage(self, *arguments: str, **variables: str) -> None:
        """Run a command on the database, isolated: its files, cache, queue and mail are in the staging folder."""
        data = self.folder / DJANGO
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        isolation = {
            "ISOLATED": "true",
            "DATA_DIRECTORY": str(data),
            "SECRET_KEY": self.installation.configuration.variables.secret_key.get_secret_value(),
        }
        manage(*arguments, variables=isolation | self.database.variables | variables)
