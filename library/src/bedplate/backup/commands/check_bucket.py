"""`--check-bucket`: try the rights of an account of the bucket, and those it should not have. Touch no backup."""

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
    assess_bucket,
    assess_rights,
)
from bedplate.backup.errors import ConflictError, ForbiddenError, MissingError, WrongUseError
from bedplate.backup.lease import Holder, current_lease
from bedplate.backup.names import (
    CONTENTS,
    LAYOUT,
    MANIFEST,
    MEDIA_LIST,
    SIGNATURE,
    TIME_FORMAT,
    lease_name,
    media_folder,
)
from bedplate.backup.session import Session
from bedplate.backup.stores import NEW, Store
from bedplate.backup.stores.google import GoogleStore

# Beside the backups, so that the same rights apply; it stays where the account may not remove it, and is used again.
PROBE: Final = "check-bucket.json"
TEXT: Final = b'{"written by": "./google_storage.sh --check-bucket", "needed": false}'


def check_bucket(session: Session, purpose: str) -> list[Finding]:
    """Return the rights of the account, compared with those for this purpose, and the bucket's settings.

    Raise BackupError when they cannot be determined.
    """
    store = session.store
    if purpose not in PURPOSES:
        raise WrongUseError(f"--check-bucket takes {', '.join(PURPOSES)}: not {purpose}.")
    if not isinstance(store, GoogleStore):
        raise WrongUseError(
            f"Backups go to {store.url}: a folder has no accounts, its file system decides who may change it. "
            "--check-bucket is for gs://BUCKET."
        )
    project, environment = session.source_project, session.pruned_environment
    tried = try_rights(store, project, environment, everything=purpose == PRUNING)
    if purpose != PERSON and tried[CREATE]:
        tried[LEASE] = _holds_lease(session)
    return [*assess_rights(purpose, tried, store.granted(ASKED)), *assess_bucket(store.description())]


def try_rights(store: Store, project: str, environment: str, *, everything: bool) -> dict[str, bool]:
    """Return which rights worked, tried on this command's own object in the folder of an environment's backups.

    Deleting is tried on names that no object has ever had, too: Google answers 403 without the right, else 404. It
    counts as a right if it works for any name; with `everything`, if it works for all names of this environment.
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
    """Yield names that no object has ever had, of all forms, to find rights on prefixes and suffixes of names.

    They belong to existing projects and environments, and to one of each that does not exist.
    """
    yield _random()
    yield f"{LAYOUT}/{_random()}"
    yield lease_name(_random())  # of a project that does not exist: another's lease must not be deleted
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
    """Yield possible names of a media object, plain and encrypted."""
    yield media_folder(project) + secrets.token_hex(32)
    yield f"{media_folder(project)}{secrets.token_hex(32)}-1-{secrets.token_hex(4)}.age"


def _names_of_backup(folder: str) -> Iterator[str]:
    """Yield names of a backup that cannot exist: its time has more microseconds than a second."""
    backup = f"{folder}/{datetime.now(UTC).strftime(TIME_FORMAT)}-fffff{secrets.token_hex(1)[0]}"
    verification = f"verification-1-{secrets.token_hex(8)}.json"
    for name in (MANIFEST, verification, f"{MANIFEST}{SIGNATURE}", f"{verification}{SIGNATURE}"):
        yield f"{backup}/{name}"
    for name in ("verification.json", CONTENTS, MEDIA_LIST, "database/toc.dat", "database/1.age"):
        yield f"{backup}/{name}"


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
    """Return whether the operation is allowed, or only the right `if_refused` is missing."""
    try:
        work()
    except (MissingError, ConflictError):
        return True
    except ForbiddenError as error:
        return bool(if_refused) and if_refused in str(error)
    return True


def _holds_lease(session: Session) -> bool:
    """Return whether the project's lease can be taken, renewed and released. Wait for its holder first."""
    name, work_directory = lease_name(session.source_project), session.work_directory
    with work_directory.exclusive_lock(say=session.progress.say):
        try:
            with session.writing(session.source_project) as lease:
                lease.renew()
        except ForbiddenError:
            return False
        return current_lease(session.store, name)[1] != Holder(work_directory.installation, lease.token)
