"""`--check-bucket`: try what an account of the bucket may do, and what it should not. No backup is touched."""

import secrets
from collections.abc import Callable
from typing import Final

from bedplate.backup.bucket_rights import (
    ASKED,
    CREATE,
    DELETE,
    LEASE,
    LIST,
    PERSON,
    PURPOSES,
    READ,
    Finding,
    judge_bucket,
    judge_rights,
)
from bedplate.backup.errors import ConflictError, ForbiddenError, MissingError, WrongUseError
from bedplate.backup.lease import Holder, current_lease
from bedplate.backup.names import LAYOUT, lease_name
from bedplate.backup.session import Session
from bedplate.backup.stores import NEW, Store
from bedplate.backup.stores.google import GoogleStore

# Beside the backups, so that it stands for them; it stays where it may not be removed, and is used again.
PROBE: Final = "check-bucket.json"
TEXT: Final = b'{"written by": "./google_storage.sh --check-bucket", "needed": false}'


def check_bucket(session: Session, purpose: str) -> list[Finding]:
    """Return what the account has, beside what an account for this purpose should have, and the bucket's settings.

    Raise BackupError when that cannot be found out.
    """
    store = session.store
    if purpose not in PURPOSES:
        raise WrongUseError(f"--check-bucket takes {', '.join(PURPOSES)}: not {purpose}.")
    if not isinstance(store, GoogleStore):
        raise WrongUseError(
            f"Backups go to {store.url}: a folder has no accounts, who may change it is for its file system to say. "
            "--check-bucket is for gs://BUCKET."
        )
    tried = try_rights(store, f"{LAYOUT}/{session.source_project}/{session.pruned_environment}")
    if purpose != PERSON and tried[CREATE]:
        tried[LEASE] = _holds_lease(session)
    return [*judge_rights(purpose, tried, store.granted(ASKED)), *judge_bucket(store.description())]


def try_rights(store: Store, folder: str) -> dict[str, bool]:
    """Return which rights worked, tried on an object of this command's own in the folder of an environment's backups.

    To delete is tried on a name that no object has ever had, too: Google answers 403 to whom may not, else 404.
    """
    probe, missing = f"{folder}/{PROBE}", f"{folder}/check-bucket-{secrets.token_hex(16)}"
    tried = {
        LIST: _may(lambda: next(iter(store.list(f"{folder}/")), None)),
        READ: _may(lambda: store.read(missing)),
        CREATE: _may(lambda: store.write(probe, TEXT, generation=NEW), if_refused=DELETE),
    }
    attempts = [_may(lambda: store.delete(missing))]
    if tried[CREATE]:
        attempts.append(_may(lambda: store.write(probe, TEXT)))
        attempts.append(_may(lambda: store.delete(probe)))
    return tried | {DELETE: any(attempts)}


def _may(work: Callable[[], object], *, if_refused: str = "") -> bool:
    """Return whether it is allowed; also when only this other right is what is missing."""
    try:
        work()
    except (MissingError, ConflictError):
        return True
    except ForbiddenError as error:
        return bool(if_refused) and if_refused in str(error)
    return True


def _holds_lease(session: Session) -> bool:
    """Return whether the project's lease can be taken, renewed and released, after waiting for who holds it."""
    name, workplace = lease_name(session.source_project), session.workplace
    with workplace.alone(say=session.progress.say):
        try:
            with session.writing(session.source_project) as lease:
                lease.confirm()
        except ForbiddenError:
            return False
        return current_lease(session.store, name)[1] != Holder(workplace.installation, lease.token)
