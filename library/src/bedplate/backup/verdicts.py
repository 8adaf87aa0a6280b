"""What drills found of a backup. Each verdict is an object of its own: PROD's account may not overwrite one.

The first is `verification.json`, the one object that release 1.0 knows; later ones have their time in the name. A
release before this one overwrites the first. The last counts.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from bedplate.backup.errors import ConflictError, ForbiddenError, MissingError
from bedplate.backup.manifest import Verification
from bedplate.backup.names import VERIFICATION, BackupName
from bedplate.backup.stores import NEW, Store

LATER: Final = re.compile(r"verification-([12][0-9]{7}T[0-9]{12}Z)-[0-9a-f]{8}\.json")
TIME: Final = "%Y%m%dT%H%M%S%fZ"
# No clock of ours is ahead of it; an edited verdict may be.
LATEST: Final = datetime(2999, 1, 1, tzinfo=UTC)
FIRST_OF_ALL: Final = datetime.min.replace(tzinfo=UTC)


def newest_verdict(store: Store, name: BackupName) -> Verification | None:
    """Return what the last drill found; None if there was none, or it cannot be read, which proves nothing."""
    return _newest(store, name)[1]


def record_verdict(store: Store, name: BackupName, verification: Verification) -> None:
    """Store what a drill found. It counts from now on, also when the clock was set back since the last one."""
    last, _ = _newest(store, name)
    if last is None:
        try:
            store.write(name.object(VERIFICATION), verification.to_bytes(), generation=NEW)
        except (ConflictError, ForbiddenError):  # another machine was quicker: Google may say either
            last = FIRST_OF_ALL
        else:
            return
    moment = max(verification.at.astimezone(UTC), min(last, LATEST) + timedelta(microseconds=1))
    later = f"verification-{moment.strftime(TIME)}-{secrets.token_hex(4)}.json"
    store.write(name.object(later), verification.to_bytes(), generation=NEW)


def _newest(store: Store, name: BackupName) -> tuple[datetime | None, Verification | None]:
    """Return when the last verdict was recorded, by its name if it has a time there; and the verdict.

    Google says when each came, which no account can set. Where the store does not say, the times in names count.
    """
    stored = {each.name.removeprefix(f"{name}/"): each.created for each in store.list(name.object("verification"))}
    moments = {found: moment for found in stored if (moment := _moment(found))}
    later = max(moments, key=lambda found: (stored[found] or moments[found], moments[found]), default=None)
    if VERIFICATION not in stored:
        return (moments[later], _read(store, name, later)) if later else (None, None)
    first = _read(store, name, VERIFICATION)
    arrived = stored[VERIFICATION] or (first.at if first else FIRST_OF_ALL)
    if later and arrived < (stored[later] or moments[later]):
        return moments[later], _read(store, name, later)
    return max([first.at if first else FIRST_OF_ALL, *moments.values()]), first


def _moment(name: str) -> datetime | None:
    match = LATER.fullmatch(name)
    try:
        return datetime.strptime(match[1], TIME).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _read(store: Store, name: BackupName, verdict: str) -> Verification | None:
    try:
        return Verification.from_bytes(store.read(name.object(verdict))[0])
    except MissingError:  # pruned meanwhile
        return None
