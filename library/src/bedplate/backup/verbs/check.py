"""`--check`: fail unless there is a backup of last night, a drill has proven one lately, and old ones are removed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bedplate.backup.catalogue import Backup, backups, misdated
from bedplate.backup.errors import BackupError
from bedplate.backup.names import CLOCK_TOLERANCE
from bedplate.backup.session import Session
from bedplate.backup.verbs.list_backups import age
from bedplate.backup.verbs.prune import plan_of

# A night late is too late; a drill every night, too, may fail for a reason of its own once in a while.
NEWEST: Final = timedelta(hours=26)
PROVEN: Final = timedelta(days=3)
# Pruning that runs elsewhere is seen by what it has left, days after it should have gone.
OVERDUE: Final = timedelta(days=3)


def check(session: Session) -> None:
    """Raise BackupError, saying what is stale, unless the newest backup and the newest proof are recent."""
    configuration = session.configuration
    found = backups(session.store, configuration.project, configuration.environment)
    stale = problems(found, now=session.now())
    if configuration.prunes_elsewhere:
        stale += _overdue(session, found)
    if stale:
        raise BackupError(" ".join(stale) + " What to do: library/docs/how-to/backups.md")


def _overdue(session: Session, found: Sequence[Backup]) -> list[str]:
    """Return, in a sentence, how many backups retention would have removed three days ago, and would now."""
    configuration, now = session.configuration, session.now()
    then = now - OVERDUE
    false = misdated(session.store, configuration.project, configuration.environment)
    older = [backup for backup in found if backup.name.created <= then]
    before = plan_of(older, configuration, now=then, false=false).remove
    left = before.keys() & plan_of(found, configuration, now=now, false=false).remove
    return [f"Pruning, which runs elsewhere, has left {len(left)} backups for three days."] if left else []


def problems(found: Sequence[Backup], *, now: datetime) -> list[str]:
    """Return what is wrong with an environment's backups, newest first, in sentences."""
    ahead = [backup.url for backup in found if backup.name.is_in_the_future(now)]
    past = [backup for backup in found if not backup.name.is_in_the_future(now)]
    whole = [backup for backup in past if backup.manifest]
    proofs = [backup.verification.at for backup in whole if backup.verified and backup.verification]
    proofs = [at for at in proofs if at - now <= CLOCK_TOLERANCE]
    stale = [f"Dated in the future, so not counted: {', '.join(ahead)}."] if ahead else []
    stale += [backup.damage for backup in past[:1] if backup.damage]
    if not whole:
        stale.append("There is no backup.")
    elif now - whole[0].name.created > NEWEST:
        stale.append(f"The newest backup is {age(now - whole[0].name.created)} old.")
    if whole and (not proofs or now - max(proofs) > PROVEN):
        stale.append(
            f"The newest proof by a drill is {age(now - max(proofs))} old."
            if proofs
            else "No backup is proven by a drill."
        )
    if whole and whole[0].verification and not whole[0].verification.passed:
        stale.append(f"The drill on the newest backup failed: {whole[0].verification.message}")
    return stale
