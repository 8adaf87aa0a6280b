"""The session: configuration, store, database and media that the commands use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from bedplate.backup.catalog import Backup, backups, find, latest, read
from bedplate.backup.configuration import Configuration
from bedplate.backup.databases import LiveDatabase
from bedplate.backup.databases.postgresql import PostgreSQL
from bedplate.backup.databases.sqlite import SQLite
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.live_media import LiveMedia
from bedplate.backup.made_backups import require_nothing_newer_lost
from bedplate.backup.manifest import Manifest
from bedplate.backup.names import BackupName, lease_name
from bedplate.backup.progress import Progress
from bedplate.backup.stores import Store
from bedplate.backup.transfer import Transfer
from bedplate.backup.trust import Trust
from bedplate.backup.work_directory import LOCK_TIMEOUT_SECONDS, WorkDirectory

if TYPE_CHECKING:
    from bedplate.backup.bucket_media import BucketMedia


@dataclass(frozen=True)
class Installation:
    """The project on this machine, and where to show what is done."""

    configuration: Configuration
    progress: Progress

    @cached_property
    def work_directory(self) -> WorkDirectory:
        """The work directory of this machine."""
        return WorkDirectory(self.configuration.work)

    @cached_property
    def database(self) -> LiveDatabase:
        """The project's database."""
        variables = self.configuration.variables
        if variables.embedded:
            return SQLite(variables.data_directory / "database.sqlite3", self.work_directory)
        return PostgreSQL(variables)

    @property
    def live_media(self) -> "LiveMedia | BucketMedia":
        """The project's uploads."""
        return self._bucket or LiveMedia.find(self.configuration.media, self.work_directory, self.progress)

    @cached_property
    def _bucket(self) -> "BucketMedia | None":
        """The uploads in a bucket, if MEDIA_URL names one."""
        if not self.configuration.variables.media_bucket:
            return None
        from bedplate.backup.bucket_media import BucketMedia  # noqa: PLC0415 - a folder saves half a second

        return BucketMedia(
            bucket=self.configuration.open_media_bucket(),
            main=self.work_directory,
            progress=self.progress,
            lease_seconds=self.configuration.variables.backup_lease_seconds,
        )

    @property
    def lock_timeout_seconds(self) -> float:
        """The time to wait for another command: longer than a drill may take, so that the nightly backup follows it."""
        return 60 * self.configuration.variables.backup_drill_limit_minutes + LOCK_TIMEOUT_SECONDS

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Session(Installation):
    """An installation with a store."""

    store: Store
    source: str = ""
    """The project whose backups are listed, restored, verified and pruned; empty: this project."""
    source_environment: str = ""
    """The environment whose backups are pruned; empty: this environment."""
    accept_unsigned: bool = False
    """Accept a backup without a trusted signature if it is given by its URL."""

    @property
    def source_project(self) -> str:
        """The project whose backups are read."""
        return self.source or self.configuration.project

    def find(self, wanted: str) -> Manifest:
        """Return the manifest of `latest`, `latest:<environment>` or a URL. Raise BackupError if it is missing."""
        if wanted != "latest" and not wanted.startswith("latest:"):
            return find(self.store, self.source_project, wanted, trust=self.trust, accept_unsigned=self.accept_unsigned)
        environment = wanted.partition(":")[2] or self.configuration.environment
        say = self.progress.say
        found = latest(self.store, self.source_project, environment, trust=self.trust, now=self.now(), say=say)
        if (self.source_project, environment) == (self.configuration.project, self.configuration.environment):
            require_nothing_newer_lost(self.work_directory, self.store, found.name)
        return found

    def backups(self, environment: str | None = None) -> list[Backup]:
        """Return the backups of the source project, newest first, of one environment or of all."""
        return backups(self.store, self.source_project, environment, trust=self.trust)

    def trusts(self, name: BackupName) -> bool:
        """Return whether the backup exists and is signed by a trusted key."""
        found = read(self.store, name, trust=self.trust)
        return found is not None and not found.distrust

    def backup_refusal(self, manifest: Manifest) -> str:
        """Return why a new backup will not be trusted; an empty string if it will."""
        found = read(self.store, manifest.name, trust=self.trust)
        return found.distrust if found else "is gone"

    @property
    def trust(self) -> Trust:
        """The trusted keys."""
        return self.configuration.trust

    @property
    def pruned_environment(self) -> str:
        """The environment whose backups are pruned."""
        return self.source_environment or self.configuration.environment

    @property
    def transfer(self) -> Transfer:
        """Uploads to the store and downloads from it."""
        return Transfer(store=self.store, encryption=self.configuration.encryption)

    @contextmanager
    def writing(self, project: str = "") -> Iterator[Lease]:
        """Hold the lease of a project's backups; empty: this project's. The caller holds the work directory's lock."""
        with hold_lease(
            self.store,
            lease_name(project or self.configuration.project),
            holder=self.work_directory.installation,
            seconds=self.configuration.variables.backup_lease_seconds,
            say=self.progress.say,
        ) as lease:
            yield lease
