"""`--prune`: remove what retention does not keep."""

import hashlib
from dataclasses import replace

from bedplate.backup.catalogue import Backup, backups, names
from bedplate.backup.errors import BackupError
from bedplate.backup.lease import Lease
from bedplate.backup.names import LAYOUT, MANIFEST, MEDIA_LIST, BackupName, media_folder
from bedplate.backup.retention import Plan, plan
from bedplate.backup.session import Session
from bedplate.backup.stores.folder import UNFINISHED


def plan_pruning(session: Session) -> Plan:
    """Return what retention keeps and removes of this environment's backups, and why. Nothing is changed."""
    configuration = session.configuration
    found = backups(session.store, configuration.project, configuration.environment)
    decided = plan(
        (backup.name for backup in found if backup.manifest),
        configuration.policy,
        now=session.now(),
        verified={backup.name for backup in found if backup.verified},
        failed={backup.name for backup in found if backup.failed},
    )
    damaged = {backup.name: ["cannot be read: for people to look at"] for backup in found if not backup.manifest}
    return replace(decided, keep=decided.keep | damaged)


def prune(session: Session) -> Plan:
    """Return what was kept and removed of this environment's backups, and why."""
    with session.workplace.alone(say=session.progress.say), session.writing() as lease:
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
    """Remove what interrupted backups of this environment left. Who holds the lease knows that nobody writes them."""
    project, environment = session.configuration.project, session.configuration.environment
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
    store, project = session.store, session.configuration.project
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
    return data.decode().splitlines()
