"""The right to write: at most one machine at a time changes a project's backups.

A lease is an object that its holder writes anew every few seconds. Another machine may take it over once it has seen it
unchanged for so long that its holder must be dead. It measures that on its own clock: clocks that differ do no harm.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from bedplate.backup.errors import BackupError, ConflictError, MissingError
from bedplate.backup.stores import NEW, Store

# Seconds that a backup waits for another one of the same project.
PATIENCE: Final = 1800


@dataclass(frozen=True)
class Holder:
    """One command of one installation."""

    installation: str
    token: str = field(default_factory=secrets.token_hex)
    """Its own, so that it knows what it has written itself."""

    def note(self) -> bytes:
        """Return what it writes. The time makes every note another one, also in stores that compare them."""
        return json.dumps({"holder": self.installation, "token": self.token, "at": time.time()}).encode()


class Lease:
    """A lease that is held."""

    def __init__(self, store: Store, name: str, *, holder: Holder, generation: str) -> None:
        self._store, self._name, self._holder = store, name, holder
        self._generation = generation
        self._lost: BackupError | None = None
        self._lock = threading.Lock()

    @property
    def token(self) -> str:
        """What this holder has and others of the same installation have not."""
        return self._holder.token

    def confirm(self) -> None:
        """Renew the lease. Raise BackupError when another machine has taken it: nothing may be written any more."""
        with self._lock:
            if self._lost is None:
                try:
                    self._repeated_if_ours(self._write)
                except ConflictError:
                    self._lost = BackupError(
                        "Another machine has taken over: this one was silent for too long. Try again."
                    )
            if self._lost is not None:
                raise self._lost

    def release(self) -> None:
        """Let the next one begin."""
        with self._lock, suppress(BackupError):  # it ends by itself too
            if self._lost is None:
                self._repeated_if_ours(self._delete)

    def _write(self) -> None:
        self._generation = self._store.write(self._name, self._holder.note(), generation=self._generation).generation

    def _delete(self) -> None:
        self._store.delete(self._name, generation=self._generation)

    def _repeated_if_ours(self, change: Callable[[], None]) -> None:
        """Change the lease. Raise ConflictError when another machine has taken it.

        A renewal of ours may have reached the store without its answer reaching us: then the generation is another one.
        """
        try:
            change()
        except ConflictError:
            self._generation, found = current_lease(self._store, self._name)
            if found != self._holder:
                raise
            change()


@contextmanager
def hold_lease(store: Store, name: str, *, holder: str, seconds: float, say: Callable[[str], None]) -> Iterator[Lease]:
    """Hold the lease `name`, renewing it, after waiting for who holds it now.

    `holder` is this installation's own name: what it held itself before it was killed it takes back at once. `seconds`
    without a renewal mean that the holder is dead. Raise BackupError after half an hour of waiting.
    """
    ours = Holder(holder)
    lease = Lease(store, name, holder=ours, generation=_acquire(store, name, holder=ours, seconds=seconds, say=say))
    finished = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lease, finished, seconds / 4), daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        finished.set()
        renewal.join()
        lease.release()


def _renew(lease: Lease, finished: threading.Event, interval: float) -> None:
    while not finished.wait(interval):
        with suppress(Exception):  # it is met again when the lease is confirmed, before anything is written
            lease.confirm()


def _acquire(store: Store, name: str, *, holder: Holder, seconds: float, say: Callable[[str], None]) -> str:
    deadline = time.monotonic() + max(PATIENCE, 2 * seconds)
    seen, since = "", 0.0
    while time.monotonic() < deadline:
        generation, other = current_lease(store, name)
        ours = other.installation == holder.installation
        if generation != seen:
            if not seen and generation != NEW and not ours:
                say(
                    f"Another machine ({other.installation}) writes backups of this project: waiting for it, "
                    "at most half an hour."
                )
            seen, since = generation, time.monotonic()
        if generation == NEW or ours or time.monotonic() - since >= seconds:
            with suppress(ConflictError):  # someone else was quicker
                return store.write(name, holder.note(), generation=generation).generation
        else:
            time.sleep(min(1.0, seconds / 10))
    raise BackupError("Another machine has been writing backups of this project for half an hour. Try again later.")


def current_lease(store: Store, name: str) -> tuple[str, Holder]:
    """Return the lease's generation, and who wrote it; NEW when no one holds it."""
    try:
        data, generation = store.read(name)
    except MissingError:
        return NEW, Holder("")
    try:
        note = json.loads(data)
        return generation, Holder(str(note["holder"]), str(note.get("token")))
    except (ValueError, KeyError, TypeError, RecursionError):
        return generation, Holder("unknown")
