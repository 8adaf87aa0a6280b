"""`--prune`: remove what retention does not keep."""

from backup_system.catalogue import backups, names
from backup_system.errors import BackupError
from backup_system.lease import Lease
from backup_system.names import MANIFEST, MEDIA_LIST, BackupName, media_folder
from backup_system.retention import Plan, plan
from backup_system.session import Session


def plan_pruning(session: Session) -> Plan:
    """Return what retention keeps and removes of this environment's backups, and why. Nothing is changed."""
    configuration = session.configuration
    found = backups(session.store, configuration.project, configuration.environment)
    verified = {backup.name for backup in found if backup.verified}
    return plan((backup.name for backup in found), configuration.policy, verified=verified)


def prune(session: Session) -> Plan:
    """Return what was kept and removed of this environment's backups, and why."""
    with session.workplace.alone(), session.writing() as lease:
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
            needed.update(store.read(backup.name.object(MEDIA_LIST))[0].decode().splitlines())
        except (BackupError, UnicodeDecodeError) as error:
            session.progress.say(
                f"No media are removed: the list of those that {backup.url} needs is missing ({error})."
            )
            return
    for stored in list(store.list(media_folder(project))):
        if stored.name not in needed:
            lease.confirm()
            store.delete(stored.name)
