"""Which backups a store has, and what each is."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bedplate.backup.errors import BackupError, MissingError, UnusableBackupError, WrongUseError
from bedplate.backup.manifest import Manifest, Verification
from bedplate.backup.names import CLOCK_TOLERANCE, LAYOUT, MANIFEST, BackupName, split_url
from bedplate.backup.stores import Store
from bedplate.backup.verdicts import newest_verdict

THREADS = 8
# Longer than a backup takes (cron/tasks/backup.sh): what came into the store later than that was not made on its date.
LONGEST: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that exists: its manifest, or why that cannot be read, and what the last drill found."""

    name: BackupName
    url: str
    manifest: Manifest | None
    damage: str = ""
    verification: Verification | None = None

    @property
    def verified(self) -> bool:
        """Whether the last drill has proven it."""
        return self.manifest is not None and self.verification is not None and self.verification.passed

    @property
    def failed(self) -> bool:
        """Whether the last drill has found it unusable."""
        return self.verification is not None and not self.verification.passed


def names(store: Store, project: str, environment: str | None = None) -> list[BackupName]:
    """Return what has begun to be a backup of the project, finished or not, newest first."""
    environments = [environment] if environment else store.folders(f"{LAYOUT}/{project}/")
    found = []
    for each in environments:
        for identifier in store.folders(f"{LAYOUT}/{project}/{each}/"):
            try:
                found.append(BackupName.parse(f"{LAYOUT}/{project}/{each}/{identifier}"))
            except WrongUseError:
                continue  # the folder of the media, or somebody else's
    return sorted(found, reverse=True)


def backups(store: Store, project: str, environment: str | None = None) -> list[Backup]:
    """Return the project's backups, newest first, of one environment or of all."""
    return _read_all(store, names(store, project, environment))


def _read_all(store: Store, candidates: Iterable[BackupName]) -> list[Backup]:
    with ThreadPoolExecutor(THREADS) as pool:
        return [backup for backup in pool.map(lambda name: read(store, name), candidates) if backup]


def read(store: Store, name: BackupName) -> Backup | None:
    """Return a backup; None when there is no such one, or it was never finished."""
    url = f"{store.url}/{name}"
    try:
        data, _ = store.read(name.object(MANIFEST))
    except MissingError:
        return None
    try:
        manifest = Manifest.from_bytes(data, name=name)
    except BackupError as error:
        return Backup(name=name, url=url, manifest=None, damage=str(error))
    return Backup(name=name, url=url, manifest=manifest, verification=newest_verdict(store, name))


def misdated(store: Store, project: str, environment: str) -> frozenset[str]:
    """Return the names of an environment's backups that are dated more than a day before they were stored, or after.

    Only PROD's account may create backups. Who has taken it could date false ones so that retention prefers them to
    true ones, now or when their day comes.
    """
    stored = _stored_after(store, project, environment)
    return frozenset(name for name, after in stored.items() if after > LONGEST or after < -CLOCK_TOLERANCE)


def _stored_after(store: Store, project: str, environment: str) -> dict[str, timedelta]:
    """Return by backups' names how long after its date each came into the store, where the store says that."""
    found = {}
    for stored in store.list(f"{LAYOUT}/{project}/{environment}/"):
        folder, _, file = stored.name.rpartition("/")
        if file == MANIFEST and stored.created:
            with suppress(WrongUseError):  # not a backup's
                found[folder] = stored.created - BackupName.parse(folder).created
    return found


def find(store: Store, project: str, url: str) -> Manifest:
    """Return the manifest of the backup with this URL, of this store.

    Raise BackupError when there is no such backup, it is damaged, or it is another project's.
    """
    _, name = split_url(url)
    if name.project != project:
        raise BackupError(
            f"{url} is a backup of the project {name.project}, not of {project}. If that is meant (the same site's "
            f"other environment, or its former name), say so: --project {name.project}"
        )
    backup = read(store, name)
    if backup is None:
        raise BackupError(f"There is no backup {url}. ./google_storage.sh -l lists those there are.")
    return _whole(backup)


def latest(store: Store, project: str, environment: str, *, now: datetime, say: Callable[[str], None]) -> Manifest:
    """Return the manifest of an environment's newest backup, but for those dated in the future, when stored or now.

    Raise BackupError when there is none, or it is damaged.
    """
    but = ""
    stored = _stored_after(store, project, environment)
    for backup in backups(store, project, environment):
        ahead = stored.get(str(backup.name), timedelta(0)) < -CLOCK_TOLERANCE
        if not ahead and not backup.name.is_in_the_future(now):
            return _whole(backup)
        was = "was stored before its date" if ahead else "is dated in the future"
        say(f"Skipped: {backup.url} {was}. To have it all the same, give its URL.")
        but = " that is not dated in the future"
    raise BackupError(
        f"{store.url} has no backup of {environment}{but}. ./google_storage.sh -l lists those of all environments."
    )


def _whole(backup: Backup) -> Manifest:
    if backup.manifest is None:  # an older one in its place would be a surprise: that is for people to decide
        raise UnusableBackupError(backup.damage)
    return backup.manifest
