"""A copy of the database: filled from a dump, compared with it, migrated, anonymised, with nothing live in reach."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bedplate.backup.databases import DJANGO, StagingDatabase
from bedplate.backup.django_commands import manage
from bedplate.backup.errors import UnusableBackupError
from bedplate.backup.manifest import Census
from bedplate.backup.session import Installation

TIME_FORMAT: Final = "%Y%m%dt%H%M%S"
TIME_LENGTH: Final = 15


def new_identifier(installation: Installation) -> str:
    """Return the name of a restore. It sorts after those of all earlier ones, whatever the clock says."""
    moment = installation.now()
    for earlier in installation.database.previous()[-1:]:
        replaced = datetime.strptime(earlier[:TIME_LENGTH], TIME_FORMAT).replace(tzinfo=UTC)
        moment = max(moment, replaced + timedelta(seconds=1))
    return f"{moment.strftime(TIME_FORMAT)}_{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Staging:
    """A staging database, and the folder of what belongs to it: gone with the run, or with the restore."""

    installation: Installation
    database: StagingDatabase
    folder: Path

    @classmethod
    def of_restore(cls, installation: Installation, identifier: str) -> "Staging":
        """Return what a restore prepares beside the live database."""
        return cls(installation, installation.database.staging(identifier), installation.workplace.staging(identifier))

    def load(self, dump: Path, census: Census, *, with_roles: bool = True) -> str:
        """Make the database from a dump; return what people should know of it.

        Raise UnusableBackupError when it does not hold what the census says.
        """
        progress = self.installation.progress
        with progress.step("Restore a copy") as step:
            note = self.database.load(dump, roles=census.roles if with_roles else None, step=step)
        if note:
            progress.say(note)
        with progress.step("Compare with the backup's counts"):
            if differences := census.differences(self.database.census()):
                shown = "\n  ".join(differences[:20])
                raise UnusableBackupError(f"What was restored is not what was backed up:\n  {shown}")
        return note

    def migrate(self) -> None:
        """Migrate the database to what the code here expects. Raise BackupError if newer code has migrated it."""
        with self.installation.progress.step("Migrate"):
            self._manage("migrate_restored")

    def anonymise(self) -> set[str]:
        """Return the names of the media files that may stay, after the database was anonymised."""
        kept = self.folder / "kept-files.json"
        variables = {}
        if self.installation.configuration.environment == "prod":
            variables["ENVIRONMENT"] = "dev"  # the command refuses PROD, whose live database it must never change
        with self.installation.progress.step("Anonymise"):
            self._manage("anonymise", "--database", self.database.name, "--kept-files", str(kept), **variables)
        return set(json.loads(kept.read_text()))

    def create_default_user(self) -> None:
        """Create the first user, whose password is in this installation's configuration."""
        password = self.installation.configuration.variables.default_user_password
        variables = {"DEFAULT_USER_PASSWORD": password.get_secret_value()} if password else {}
        self._manage("create_default_user", **variables)

    def _manage(self, *arguments: str, **variables: str) -> None:
        """Run a command on the database, isolated: its files, cache, queue and mail are in a folder of this one."""
        data = self.folder / DJANGO
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        isolation = {
            "ISOLATED": "true",
            "DATA_DIRECTORY": str(data),
            "SECRET_KEY": self.installation.configuration.variables.secret_key.get_secret_value(),
        }
        manage(*arguments, variables=isolation | self.database.variables | variables)
