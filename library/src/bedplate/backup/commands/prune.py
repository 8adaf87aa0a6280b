"""`--prune`: remove the backups that retention does not keep."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from bedplate.backup.catalog import Backup, misdated, names
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import BackupError, ForbiddenError
from bedplate.backup.lease import Lease
from bedplate.backup.made_backups import forget_backups
from bedplate.backup.names import LAYOUT, MANIFEST, MEDIA_LIST, BackupName, media_folder
from bedplate.backup.retention import MISDATED, RetentionPlan, plan
from bedplate.backup.session import Session
from bedplate.backup.stores.folder import UNFINISHED
from bedplate.backup.trust import HOW

PRUNED_ELSEWHERE: Final = "Does another account, on another machine, prune? Then set BACKUP_PRUNING=elsewhere here."


def plan_pruning(session: Session) -> RetentionPlan:
    """Return which of an environment's backups retention keeps and removes, and why. Change nothing."""
    environment = session.pruned_environment
    found = session.backups(environment)
    if session.source_environment and not found:
        raise BackupError(f"{session.store.url} has no backups of {session.source_project}'s {environment}.")
    if any(backup.manifest for backup in found) and all(backup.distrust for backup in found):
        raise BackupError(
            f"None of the backups of {session.source_project}'s {environment} is signed by a trusted key, so the "
            f"true ones are not known: {found[0].url} {found[0].distrust}. Nothing is removed. What to do: {HOW}"
        )
    false = misdated(session.store, session.source_project, environment)
    return plan_of(found, session.configuration, now=session.now(), false=false)


def plan_of(
    backups: Iterable[Backup], configuration: Configuration, *, now: datetime, false: Collection[str] = ()
) -> RetentionPlan:
    """Return which of these backups of one environment retention keeps and removes.

    Backups with a `false` date are kept, and do not count.
    """
    every = list(backups)
    found = [backup for backup in every if str(backup.name) not in false]
    decided = plan(
        (backup.name for backup in found if backup.manifest),
        configuration.policy,
        now=now,
        verified={backup.name for backup in found if backup.verified},
        failed={backup.name for backup in found if backup.failed},
        unsigned={backup.name for backup in found if backup.distrust},
    )
    damaged = {backup.name: ["cannot be read: inspect it"] for backup in found if not backup.manifest}
    odd = {backup.name: [MISDATED] for backup in every if str(backup.name) in false}
    return replace(decided, keep=decided.keep | damaged | odd)


def prune(session: Session) -> RetentionPlan:
    """Prune an environment's backups. Return which were kept and removed, and why."""
    try:
        return _prune(session)
    except ForbiddenError as error:
        raise ForbiddenError(f"{error} {PRUNED_ELSEWHERE}") from error


def _prune(session: Session) -> RetentionPlan:
    with (
        session.work_directory.exclusive_lock(say=session.progress.say),
        session.writing(session.source_project) as lease,
    ):
        decided = plan_pruning(session)
        with session.progress.step("Remove old backups") as step:
            step.expect(len(decided.remove) + 2)
            remove_unfinished(session, lease)
            step.advance()
            forget_backups(session.work_directory, session.store, decided.remove)
            for name in decided.remove:
                _remove(session, name, lease)
                step.advance()
            _remove_unused_media(session, lease)
    return decided


def remove_unfinished(session: Session, lease: Lease) -> None:
    """Remove the leftovers of an environment's interrupted backups. The lease keeps others from writing any."""
    project, environment = session.source_project, session.pruned_environment
    finished = {backup.name for backup in session.backups(environment)}
    for stored in list(session.store.list(f"{LAYOUT}/{project}/{UNFINISHED}")):  # left by a lease, in a folder
        session.store.delete(stored.name)
    for name in names(session.store, project, environment):
        if name not in finished:
            _remove(session, name, lease)


def _remove(session: Session, name: BackupName, lease: Lease) -> None:
    lease.renew()
    session.store.delete(name.object(MANIFEST))  # without a manifest, the rest is never taken for a backup
    for stored in list(session.store.list(f"{name}/")):
        session.store.delete(stored.name)


def _remove_unused_media(session: Session, lease: Lease) -> None:
    """Remove the media that no backup of any environment needs."""
    store, project = session.store, session.source_project
    needed: set[str] = set()
    for backup in session.backups():
        try:
            needed.update(_media_of(session, backup))
        except BackupError as error:
            session.progress.say(
                f"No media are removed, because it is not known which ones {backup.url} needs: {error}"
            )
            return
    for stored in list(store.list(media_folder(project))):
        if stored.name not in needed:
            lease.renew()
            store.delete(stored.name)


def _media_of(session: Session, backup: Backup) -> list[str]:
    if backup.manifest is None:
        raise BackupError(backup.damage)
    name = backup.name.object(MEDIA_LIST)
    data, _ = session.store.read(name)
    if hashlib.sha256(data).hexdigest() != backup.manifest.files[MEDIA_LIST].sha256:
        raise BackupError(f"{name} is damaged.")
    try:
        return data.decode().splitlines()
    except ValueError:
        raise BackupError(f"{name} is not a text file.") from None
