"""`--check-bucket`: try what an account of the bucket may do, and what it should not. No backup is touched."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from bedplate.backup.bucket_rights import (
    ASKED,
    CREATE,
    DELETE,
    LEASE,
    LIST,
    PERSON,
    PRUNING,
    PURPOSES,
    READ,
    Finding,
    judge_bucket,
    judge_rights,
)
from bedplate.backup.errors import ConflictError, ForbiddenError, MissingError, WrongUseError
from bedplate.backup.lease import Holder, current_lease
from bedplate.backup.names import (
    CONTENTS,
    LAYOUT,
    MANIFEST,
    MEDIA_LIST,
    TIME_FORMAT,
    VERIFICATION,
    lease_name,
    media_folder,
)
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
    project, environment = session.source_project, session.pruned_environment
    tried = try_rights(store, project, environment, everything=purpose == PRUNING)
    if purpose != PERSON and tried[CREATE]:
        tried[LEASE] = _holds_lease(session)
    return [*judge_rights(purpose, tried, store.granted(ASKED)), *judge_bucket(store.description())]


def try_rights(store: Store, project: str, environment: str, *, everything: bool) -> dict[str, bool]:
    """Return which rights worked, tried on an object of this command's own in the folder of an environment's backups.

    To delete is tried on names that no object has ever had, too: Google answers 403 to whom may not, else 404. It
    counts as a right where it works for any name; `everything`: where it does for all names of this environment.
    """
    folder = f"{LAYOUT}/{project}/{environment}"
    probe, missing = f"{folder}/{PROBE}", f"{folder}/{_random()}"
    tried = {
        LIST: _may(lambda: next(iter(store.list(f"{folder}/")), None)),
        READ: _may(lambda: store.read(missing)),
        CREATE: _may(lambda: store.write(probe, TEXT, generation=NEW), if_refused=DELETE),
    }
    attempts = []
    if tried[CREATE]:
        attempts.append(_may(lambda: store.write(probe, TEXT)))
        attempts.append(_may(lambda: store.delete(probe)))
    if everything:
        names = iter([missing, *_names_of_media(project), *_names_of_backup(folder)])
        return tried | {DELETE: all(attempts) and all(_may_delete(store, name) for name in names)}
    names = _names(store, project, environment)
    return tried | {DELETE: any(attempts) or any(_may_delete(store, name) for name in names)}


def _names(store: Store, project: str, environment: str) -> Iterator[str]:
    """Yield names that no object has ever had, of all shapes, so that a right to names that begin or end so is found.

    Those of projects and environments that are there, and of one of each that is not.
    """
    yield _random()
    yield f"{LAYOUT}/{_random()}"
    yield lease_name(_random())  # of a project that there is not: others' must not be taken from them
    for each in sorted({project, _random(), *_folders(store, f"{LAYOUT}/")}):
        yield f"{LAYOUT}/{each}/{_random()}"
        yield from _names_of_media(each)
        known = set(_folders(store, f"{LAYOUT}/{each}/")) - {"media"}
        for one in sorted({environment, _random(), *known}):
            folder = f"{LAYOUT}/{each}/{one}"
            yield f"{folder}/{_random()}"
            yield from _names_of_backup(folder)
            for backup in _folders(store, f"{folder}/") if one in known else ():
                yield f"{folder}/{backup}/{_random()}"


def _names_of_media(project: str) -> Iterator[str]:
    """Yield what a medium could be called, and an encrypted one."""
    yield media_folder(project) + secrets.token_hex(32)
    yield f"{media_folder(project)}{secrets.token_hex(32)}-1-{secrets.token_hex(4)}.age"


def _names_of_backup(folder: str) -> Iterator[str]:
    """Yield names as of a backup that was never made: its time has more microseconds than a second."""
    backup = f"{folder}/{datetime.now(UTC).strftime(TIME_FORMAT)}-fffff{secrets.token_hex(1)[0]}"
    for name in (MANIFEST, VERIFICATION, CONTENTS, MEDIA_LIST, "database/toc.dat", "database/1.age"):
        yield f"{backup}/{name}"
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    yield f"{backup}/verification-{moment}-{secrets.token_hex(4)}.json"


def _folders(store: Store, prefix: str) -> list[str]:
    try:
        return list(store.folders(prefix))
    except ForbiddenError:
        return []


def _random() -> str:
    return f"check-bucket-{secrets.token_hex(16)}"


def _may_delete(store: Store, name: str) -> bool:
    return _may(lambda: store.delete(name))


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
