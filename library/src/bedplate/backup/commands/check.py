"""`--check`: fail unless last night's backup exists, a drill passed lately, and old backups are removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bedplate.backup.catalog import Backup, misdated
from bedplate.backup.commands.list_backups import age
from bedplate.backup.commands.prune import plan_of
from bedplate.backup.errors import BackupError, StaleBackupsError
from bedplate.backup.made_backups import forget_backups, lost_backups
from bedplate.backup.names import CLOCK_TOLERANCE, BackupName
from bedplate.backup.session import Session

# A backup that is a night late is too late. The nightly drill may fail once in a while for a reason of its own.
NEWEST_BACKUP: Final = timedelta(hours=26)
NEWEST_VERIFICATION: Final = timedelta(days=3)
# How long an unsigned backup is reported. Earlier releases did not sign backups; retention removes those in time.
UNSIGNED_REPORTED: Final = timedelta(days=3)
FORGET: Final = "./google_storage.sh --check --forget-lost"
# Pruning that runs elsewhere is checked by its leftovers, days after it should have removed them.
OVERDUE: Final = timedelta(days=3)


def check(session: Session, *, forget_missing: bool = False) -> None:
    """Raise StaleBackupsError with all problems unless the newest backup and the newest verification are recent.

    With `forget_missing`, stop expecting backups that the store has lost.
    """
    configuration, now = session.configuration, session.now()
    found = session.backups(configuration.environment)
    if forget_missing:
        _forget_lost(session, found)
    stale = [*session.trust.problems, *problems(found, now=now), *_lost(session, found)]
    if configuration.prunes_elsewhere:
        stale += _overdue(session, found)
    if stale:  # a drill's message may come from another environment, and quote rows
        said = "".join(character for character in " ".join(stale) if character.isprintable())
        raise StaleBackupsError(f"{said} What to do: library/docs/how-to/backups.md")


def _overdue(session: Session, found: Sequence[Backup]) -> list[str]:
    """Return a sentence: how many backups retention would have removed three days ago, and would now."""
    configuration, now = session.configuration, session.now()
    then = now - OVERDUE
    false = misdated(session.store, configuration.project, configuration.environment)
    older = [backup for backup in found if backup.name.created <= then]
    before = plan_of(older, configuration, now=then, false=false).remove
    left = before.keys() & plan_of(found, configuration, now=now, false=false).remove
    return [f"Pruning, which runs elsewhere, has left {len(left)} backups for three days."] if left else []


def _lost_backups(session: Session, found: Sequence[Backup]) -> dict[BackupName, str]:
    trusted = [backup.name for backup in found if not backup.distrust]
    policy = session.configuration.policy
    return lost_backups(session.work_directory, session.store, trusted, policy=policy, now=session.now())


def _lost(session: Session, found: Sequence[Backup]) -> list[str]:
    """Return a sentence that names the backups made here that the store has lost or changed."""
    try:
        lost = _lost_backups(session, found)
    except BackupError as error:
        return [str(error)]
    if not lost:
        return []
    named = ", ".join(f"{session.store.url}/{name} {what}" for name, what in lost.items())
    return [
        f"Backups that were made here are missing or changed in the store: {named}. If that is on purpose: {FORGET}."
    ]


def _forget_lost(session: Session, found: Sequence[Backup]) -> None:
    """Stop expecting backups that the store has lost."""
    with session.work_directory.exclusive_lock(say=session.progress.say):
        forget_backups(session.work_directory, session.store, _lost_backups(session, found))


def problems(found: Sequence[Backup], *, now: datetime) -> list[str]:
    """Return the problems of an environment's backups, newest first, as sentences."""
    ahead = [backup.url for backup in found if backup.name.is_in_the_future(now)]
    past = [backup for backup in found if not backup.name.is_in_the_future(now)]
    whole = [backup for backup in past if backup.manifest and not backup.distrust]
    verified_at = [backup.verification.at for backup in whole if backup.verified and backup.verification]
    verified_at = [at for at in verified_at if at - now <= CLOCK_TOLERANCE]
    stale = [f"Dated in the future, so not counted: {', '.join(ahead)}."] if ahead else []
    stale += [backup.damage for backup in past[:1] if backup.damage]
    stale += [
        f"Not counted: {backup.url} {backup.distrust}."
        for backup in past
        if backup.manifest and backup.distrust and now - backup.name.created <= UNSIGNED_REPORTED
    ]
    if not whole:
        stale.append(
            "There is no backup that is signed by a trusted key."
            if any(backup.manifest for backup in past)
            else "There is no backup."
        )
    elif now - whole[0].name.created > NEWEST_BACKUP:
        stale.append(f"The newest backup is {age(now - whole[0].name.created)} old.")
    if whole and (not verified_at or now - max(verified_at) > NEWEST_VERIFICATION):
        stale.append(
            f"The newest verification by a drill is {age(now - max(verified_at))} old."
            if verified_at
            else "No backup is verified by a drill."
        )
    if whole and whole[0].verification and not whole[0].verification.passed:
        stale.append(f"The drill on the newest backup failed: {whole[0].verification.message}")
    return stale
