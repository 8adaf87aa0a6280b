"""The catalog: the backups in a store, with their manifest, signature and verification."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bedplate.backup.errors import BackupError, UnusableBackupError, WrongUseError
from bedplate.backup.manifest import Manifest
from bedplate.backup.names import CLOCK_TOLERANCE, LAYOUT, LONGEST_BACKUP, MANIFEST, BackupName, split_url
from bedplate.backup.signatures import BACKUP
from bedplate.backup.stores import Store
from bedplate.backup.trust import EDITED, HOW, Claim, Trust
from bedplate.backup.verifications import Verification, newest_verification, read_signed

THREADS = 8
ACCEPT: Final = "--accept-unsigned"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """An existing backup: its manifest, or why it cannot be read, and its last verification."""

    name: BackupName
    url: str
    manifest: Manifest | None
    damage: str = ""
    distrust: str = ""
    """The reason why it is not trusted, as the end of a sentence after its URL; empty if it is."""
    verification: Verification | None = None

    @property
    def verified(self) -> bool:
        """True if it is signed by a trusted key and the last drill passed."""
        return (
            self.manifest is not None
            and not self.distrust
            and self.verification is not None
            and self.verification.passed
        )

    @property
    def failed(self) -> bool:
        """True if the last drill failed."""
        return self.verification is not None and not self.verification.passed


def names(store: Store, project: str, environment: str | None = None) -> list[BackupName]:
    """Return the names of the project's backups, finished or not, newest first."""
    environments = [environment] if environment else store.folders(f"{LAYOUT}/{project}/")
    found = []
    for each in environments:
        for identifier in store.folders(f"{LAYOUT}/{project}/{each}/"):
            try:
                found.append(BackupName.parse(f"{LAYOUT}/{project}/{each}/{identifier}"))
            except WrongUseError:
                continue  # the folder of the media, or not ours
    return sorted(found, reverse=True)


def backups(store: Store, project: str, environment: str | None = None, *, trust: Trust) -> list[Backup]:
    """Return the project's backups, newest first, of one environment or of all."""
    candidates = names(store, project, environment)
    with ThreadPoolExecutor(THREADS) as pool:
        return [backup for backup in pool.map(lambda name: read(store, name, trust=trust), candidates) if backup]


def read(store: Store, name: BackupName, *, trust: Trust) -> Backup | None:
    """Return a backup; None if it does not exist or was never finished."""
    url = f"{store.url}/{name}"
    data, signature = read_signed(store, name.object(MANIFEST))
    if data is None:
        return None
    stored = _stored_at(store, name) if trust.needs_storage_times else None
    claim = Claim(BACKUP, f"{name.project}/{name.environment}", at=name.created, stored=stored)
    distrust = trust.refusal(data, signature, claim)
    try:
        manifest = Manifest.from_bytes(data, name=name)
    except BackupError as error:
        return Backup(name=name, url=url, manifest=None, damage=str(error), distrust=distrust)
    verification = newest_verification(store, name, manifest=manifest.sha256, trust=trust)
    return Backup(name=name, url=url, manifest=manifest, distrust=distrust, verification=verification)


def _stored_at(store: Store, name: BackupName) -> datetime | None:
    """Return when both the manifest and its signature were stored; None if the store does not report it."""
    came = [stored.created for stored in store.list(name.object(MANIFEST)) if stored.created]
    return max(came, default=None)


def misdated(store: Store, project: str, environment: str) -> frozenset[str]:
    """Return the names of an environment's backups that are dated after they were stored, or more than a day before.

    Only PROD's account may create backups. An attacker with that account could date false ones so that retention
    prefers them to true ones, now or later.
    """
    stored = _stored_after(store, project, environment)
    return frozenset(name for name, after in stored.items() if after > LONGEST_BACKUP or after < -CLOCK_TOLERANCE)


def _stored_after(store: Store, project: str, environment: str) -> dict[str, timedelta]:
    """Return, by name, how long after its date each backup was stored, if the store reports it."""
    found = {}
    for stored in store.list(f"{LAYOUT}/{project}/{environment}/"):
        folder, _, file = stored.name.rpartition("/")
        if file == MANIFEST and stored.created:
            with suppress(WrongUseError):  # not a backup
                found[folder] = stored.created - BackupName.parse(folder).created
    return found


def find(store: Store, project: str, url: str, *, trust: Trust, accept_unsigned: bool = False) -> Manifest:
    """Return the manifest of the backup with this URL, of this store.

    Raise BackupError if it does not exist, is damaged, belongs to another project, or is not signed by a trusted key,
    unless that is accepted.
    """
    _, name = split_url(url)
    if name.project != project:
        raise BackupError(
            f"{url} is a backup of the project {name.project}, not of {project}. If you mean it (the same site's "
            f"other environment, or its former name): --project {name.project}"
        )
    backup = read(store, name, trust=trust)
    if backup is None:
        raise BackupError(f"There is no backup {url}. ./google_storage.sh -l lists the existing ones.")
    if backup.distrust and backup.distrust != EDITED and not accept_unsigned:
        raise BackupError(
            f"{url} {backup.distrust}. Its author decides what is restored, so it is refused. If you know the author, "
            f"and mean it: {ACCEPT}. What to do: {HOW}"
        )
    return _usable(backup, accept_edited=accept_unsigned)


def latest(  # noqa: PLR0913 - a list of backups, and the criteria
    store: Store, project: str, environment: str, *, trust: Trust, now: datetime, say: Callable[[str], None]
) -> Manifest:
    """Return the manifest of an environment's newest backup that is signed by a trusted key.

    Skip those dated in the future, when stored or now. Raise BackupError if no backup is left, or it is damaged.
    """
    but = ""
    stored = _stored_after(store, project, environment)
    for backup in backups(store, project, environment, trust=trust):
        ahead = stored.get(str(backup.name), timedelta(0)) < -CLOCK_TOLERANCE
        if ahead or backup.name.is_in_the_future(now):
            was = "was stored before its date" if ahead else "is dated in the future"
            say(f"Skipped: {backup.url} {was}. To use it anyway, give its URL.")
            but = but or " that is not dated in the future"
        elif backup.distrust and backup.distrust != EDITED:
            say(f"Skipped: {backup.url} {backup.distrust}. To use it anyway: its URL, with {ACCEPT}.")
            but = f" that is signed by a trusted key, and not dated in the future ({HOW})"
        else:
            return _usable(backup)
    raise BackupError(
        f"{store.url} has no backup of {environment}{but}. ./google_storage.sh -l lists those of all environments."
    )


def _usable(backup: Backup, *, accept_edited: bool = False) -> Manifest:
    if backup.manifest is None:  # an older one would be a surprise: let the user decide
        raise UnusableBackupError(backup.damage)
    if backup.distrust == EDITED and not accept_edited:
        raise UnusableBackupError(f"{backup.url} {EDITED}. Restore another backup.")
    return backup.manifest
