"""`--prune`: remove what retention does not keep."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from bedplate.backup.catalogue import Backup, backups, misdated, names
from bedplate.backup.configuration import Configuration
from bedplate.backup.errors import BackupError, ForbiddenError
from bedplate.backup.lease import Lease
from bedplate.backup.names import LAYOUT, MANIFEST, MEDIA_LIST, BackupName, media_folder
from bedplate.backup.retention import MISDATED, Plan, plan
from bedplate.backup.session import Session
from bedplate.backup.stores.folder import UNFINISHED

PRUNED_ELSEWHERE: Final = "Does another account, on another machine, prune? Then set BACKUP_PRUNING=elsewhere here."


def plan_pruning(session: Session) -> Plan:
    """Return what retention keeps and removes of an environment's backups, and why. Nothing is changed."""
    environment = session.pruned_environment
    found = backups(session.store, session.source_project, environment)
    if session.source_environment and not found:
        raise BackupError(f"{session.store.url} has no backups of {session.source_project}'s {environment}.")
    false = misdated(session.store, session.source_project, environment)
    return plan_of(found, session.configuration, now=session.now(), false=false)


def plan_of(
    backups: Iterable[Backup], configuration: Configuration, *, now: datetime, false: Collection[str] = ()
) -> Plan:
    """Return what retention keeps and removes of these backups, which are one environment's.

    Those with a `false` date are kept, and count for nothing.
    """
    every = list(backups)
    found = [backup for backup in every if str(backup.name) not in false]
    decided = plan(
        (backup.name for backup in found if backup.manifest),
        configuration.policy,
        now=now,
        verified={backup.name for backup in found if backup.verified},
        failed={backup.name for backup in found if backup.failed},
    )
    damaged = {backup.name: ["cannot be read: for people to look at"] for backup in found if not backup.manifest}
    odd = {backup.name: [MISDATED] for backup in every if str(backup.name) in false}
    return replace(decided, keep=decided.keep | damaged | odd)


def prune(session: Session) -> Plan:
    """Return what was kept and removed of an environment's backups, and why."""
    try:
        return _prune(session)
    except ForbiddenError as error:
        raise ForbiddenError(f"{error} {PRUNED_ELSEWHERE}") from error


def _prune(session: Session) -> Plan:
    with session.workplace.alone(say=session.progress.say), session.writing(session.source_project) as lease:
        decided = plan_pruning(session)
        with session.progress.step("Remove old backups") as step:
            step.expect(len(decided.remove) + 2)
            remove_unfinished(session, lease)
            step.advance()
            for name in decided.remove:
                _remove(session, name, lease)
                step.advance()
            _remove_unused_media(session, lease)
    return decided


def remove_unfinished(session: Session, lease: Lease) -> None:
    """Remove what interrupted backups of an environment left. While the lease is held, no other writes them."""
    project, environment = session.source_project, session.pruned_environment
    finished = {backup.name for backup in backups(session.store, project, environment)}
    for stored in list(session.store.list(f"{LAYOUT}/{project}/{UNFINISHED}")):  # of a lease, in a folder
        session.store.delete(stored.name)
    for name in names(session.store, project, environment):
        if name not in finished:
            _remove(session, name, lease)


def _remove(session: Session, name: BackupName, lease: Lease) -> None:
    lease.confirm()
    session.store.delete(name.object(MANIFEST))  # without it, it is no backup: what is left is never taken for one
    for stored in list(session.store.list(f"{name}/")):
        session.store.delete(stored.name)


def _remove_unused_media(session: Session, lease: Lease) -> None:
    """Remove the media that no backup of any environment needs."""
    store, project = session.store, session.source_project
    needed: set[str] = set()
    for backup in backups(store, project):
        try:
            needed.update(_media_of(session, backup))
        except BackupError as error:
            session.progress.say(f"No media are removed, for it is not known which ones {backup.url} needs: {error}")
            return
    for stored in list(store.list(media_folder(project))):
        if stored.name not in needed:
            lease.confirm()
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
        raise BackupError(f"{name} is not a text.") from None
