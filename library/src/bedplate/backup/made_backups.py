"""The local record of the backups that this installation has made: it shows which ones the store has lost."""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bedplate.backup.errors import BackupError, MissingError, WrongUseError
from bedplate.backup.manifest import UNREADABLE, Manifest
from bedplate.backup.names import MANIFEST, SIGNATURE, BackupName
from bedplate.backup.retention import Policy, plan
from bedplate.backup.stores import Store
from bedplate.backup.work_directory import WorkDirectory

FILE: Final = "made.json"

type Made = dict[BackupName, str]
"""The SHA-256 of each backup's manifest, by the backup's name."""


class MadeBackups:
    """The record of the backups in one store. Its writer holds the exclusive lock."""

    def __init__(self, work_directory: WorkDirectory, store: Store) -> None:
        self._file, self._url = work_directory.folder / FILE, store.url

    def read(self) -> Made:
        """Return the backups. Raise BackupError when the file cannot be read."""
        found = self._stores().get(self._url, {})
        try:
            return {BackupName.parse(name): str(digest) for name, digest in found.items()}
        except (*UNREADABLE, WrongUseError) as error:
            raise self._damaged(error) from None

    def read_or_nothing(self) -> Made:
        """Return the backups; nothing when the file cannot be read, which `--check` reports."""
        try:
            return self.read()
        except BackupError:
            return {}

    def write(self, made: Mapping[BackupName, str]) -> None:
        """Replace the record of this store, keep those of other stores. Start over if the file cannot be read."""
        try:
            stores = self._stores()
        except BackupError:
            stores = {}
        stores[self._url] = {str(name): digest for name, digest in made.items()}
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".new")
        with unfinished.open("w") as file:
            json.dump(stores, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._file)

    def _stores(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._file.read_bytes())
            return {str(url): dict(made) for url, made in found.items()}
        except FileNotFoundError:
            return {}
        except (*UNREADABLE, OSError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> BackupError:
        return BackupError(
            f"{self._file} cannot be read ({error!r}), so it does not show backups that the store has lost. The next "
            "backup writes it again."
        )


def add_backup(work_directory: WorkDirectory, store: Store, manifest: Manifest, *, policy: Policy) -> None:
    """Add a new backup to the record, and drop those that retention does not keep."""
    recorded = MadeBackups(work_directory, store)
    made = recorded.read_or_nothing()
    made[manifest.name] = manifest.sha256
    kept = _kept(made, made, policy, now=manifest.name.created)
    recorded.write({each: made[each] for each in kept})


def forget_backups(work_directory: WorkDirectory, store: Store, names: Collection[BackupName]) -> None:
    """Drop these backups from the record, whether they were made here or not."""
    recorded = MadeBackups(work_directory, store)
    made = recorded.read_or_nothing()
    if not made.keys().isdisjoint(names):
        recorded.write({name: digest for name, digest in made.items() if name not in names})


def lost_backups(
    work_directory: WorkDirectory, store: Store, trusted: Iterable[BackupName], *, policy: Policy, now: datetime
) -> dict[BackupName, str]:
    """Return the backups made here that retention keeps and the store has lost or changed, each with the reason.

    `trusted` are the trusted backups in the store. Without a record, as on a new server, none is missing. Raise
    BackupError when the record cannot be read.
    """
    made = MadeBackups(work_directory, store).read()
    kept = _kept(made, [*made, *trusted], policy, now=now)
    found = {name: _what_became(store, name, made[name]) for name in kept}
    return {name: what for name, what in found.items() if what}


def require_nothing_newer_lost(work_directory: WorkDirectory, store: Store, latest: BackupName) -> None:
    """Raise BackupError if a newer backup than `latest` was made here and is missing."""
    made = MadeBackups(work_directory, store).read_or_nothing()
    if newer := {name: what for name in made if name > latest and (what := _what_became(store, name, made[name]))}:
        named = ", ".join(f"{store.url}/{name} {what}" for name, what in newer.items())
        raise BackupError(
            f"{store.url}/{latest} is not the latest that was made here: {named}. Bring it back, or give the URL of "
            "the one that you want. (If it is gone on purpose: ./google_storage.sh --check --forget-lost)"
        )


def _what_became(store: Store, name: BackupName, sha256: str) -> str:
    """Return what is wrong with a backup in the store; an empty string if it is unchanged."""
    try:
        data, _ = store.read(name.object(MANIFEST))
    except MissingError:
        return "is gone"
    if hashlib.sha256(data).hexdigest() != sha256:
        return "is not the one that was made here"
    files = Manifest.from_bytes(data, name=name).files.values()
    there = {stored.name: stored.size for stored in store.list(f"{name}/")}
    if name.object(f"{MANIFEST}{SIGNATURE}") not in there:
        return "has lost its signature"
    broken = [file.object for file in files if there.get(file.object) != file.stored_size]
    return f"has lost {broken[0]}" if broken else ""


def _kept(made: Made, every: Iterable[BackupName], policy: Policy, *, now: datetime) -> list[BackupName]:
    """Return the recorded backups that retention keeps among all, ignoring verifications."""
    return sorted(made.keys() & plan(every, policy, now=now, verified=()).keep.keys())
