"""What the verbs work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from bedplate.backup.catalogue import find, latest
from bedplate.backup.configuration import Configuration
from bedplate.backup.databases import Database
from bedplate.backup.databases.postgresql import PostgreSQL
from bedplate.backup.databases.sqlite import SQLite
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.live_media import LiveMedia
from bedplate.backup.manifest import Manifest
from bedplate.backup.names import lease_name
from bedplate.backup.progress import Progress
from bedplate.backup.stores import Store
from bedplate.backup.transfer import Transfer
from bedplate.backup.workplace import PATIENCE, Workplace


@dataclass(frozen=True)
class Installation:
    """The project on this machine, and where to show what is done."""

    configuration: Configuration
    progress: Progress

    @cached_property
    def workplace(self) -> Workplace:
        """The folder of this machine's own."""
        return Workplace(self.configuration.work)

    @cached_property
    def database(self) -> Database:
        """The project's database."""
        variables = self.configuration.variables
        if variables.embedded:
            return SQLite(variables.data_directory / "database.sqlite3", self.workplace)
        return PostgreSQL(variables)

    @property
    def live_media(self) -> LiveMedia:
        """The project's uploads."""
        return LiveMedia.find(self.configuration.media, self.workplace)

    @property
    def patience(self) -> float:
        """Seconds to wait for another command: longer than a drill may take, so that a night's backup follows it."""
        return 60 * self.configuration.variables.backup_drill_limit_minutes + PATIENCE

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Session(Installation):
    """The same, with a store."""

    store: Store
    source: str = ""
    """The project whose backups are listed, restored, verified and pruned; empty: this one."""
    source_environment: str = ""
    """The environment whose backups are pruned; empty: this one."""

    @property
    def source_project(self) -> str:
        """The project whose backups are looked at."""
        return self.source or self.configuration.project

    def find(self, wanted: str) -> Manifest:
        """Return the manifest of `latest`, `latest:<environment>` or a backup's URL. Raise BackupError without one."""
        if wanted != "latest" and not wanted.startswith("latest:"):
            return find(self.store, self.source_project, wanted)
        environment = wanted.partition(":")[2] or self.configuration.environment
        return latest(self.store, self.source_project, environment, now=self.now(), say=self.progress.say)

    @property
    def pruned_environment(self) -> str:
        """The environment whose backups are pruned."""
        return self.source_environment or self.configuration.environment

    @property
    def transfer(self) -> Transfer:
        """The way into the store and back."""
        return Transfer(store=self.store, encryption=self.configuration.encryption)

    @contextmanager
    def writing(self, project: str = "") -> Iterator[Lease]:
        """Hold the lease of a project's backups; empty: this one's. To be called by who is alone in the workplace."""
        with hold_lease(
            self.store,
            lease_name(project or self.configuration.project),
            holder=self.workplace.installation,
            seconds=self.configuration.variables.backup_lease_seconds,
            say=self.progress.say,
        ) as lease:
            yield lease
