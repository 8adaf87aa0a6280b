"""The lease: at most one machine at a time changes a project's backups.

A lease is an object that its holder rewrites every few seconds. Another machine may take it over when it has not
changed for long enough: then its holder must be dead. That machine measures the time on its own clock, so clocks may
differ.
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

# How long a backup waits for another one of the same project.
LEASE_TIMEOUT_SECONDS: Final = 1800


@dataclass(frozen=True)
class Holder:
    """One command of one installation."""

    installation: str
    token: str = field(default_factory=secrets.token_hex)
    """Unique to the command, so that it recognizes its own writes."""

    def to_bytes(self) -> bytes:
        """Return the content of the lease object. The time makes each one different: a store may compare them."""
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
        """The holder's token, which differs between commands of the same installation."""
        return self._holder.token

    def renew(self) -> None:
        """Renew the lease. Raise BackupError when another machine has taken it: then stop writing."""
        with self._lock:
            if self._lost is None:
                try:
                    self._retry_if_ours(self._write)
                except ConflictError:
                    self._lost = BackupError(
                        "Another machine has taken over: this one was silent for too long. Try again."
                    )
            if self._lost is not None:
                raise self._lost

    def release(self) -> None:
        """Release the lease, so that the next command can take it."""
        with self._lock, suppress(BackupError):  # it expires by itself too
            if self._lost is None:
                self._retry_if_ours(self._delete)

    def _write(self) -> None:
        self._generation = self._store.write(
            self._name, self._holder.to_bytes(), generation=self._generation
        ).generation

    def _delete(self) -> None:
        self._store.delete(self._name, generation=self._generation)

    def _retry_if_ours(self, change: Callable[[], None]) -> None:
        """Change the lease. Raise ConflictError when another machine has taken it.

        Our own renewal may have reached the store although its response was lost: then the generation is a new one.
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
    """Hold the lease `name`, and renew it, after waiting for the current holder.

    `holder` is the name of this installation: it takes a lease of its own, left by a killed command, back at once. A
    holder that does not renew for `seconds` is dead. Raise BackupError after half an hour of waiting.
    """
    ours = Holder(holder)
    lease = Lease(store, name, holder=ours, generation=_acquire(store, name, holder=ours, seconds=seconds, say=say))
    finished = threading.Event()
    renewal = threading.Thread(target=_renew_regularly, args=(lease, finished, seconds / 4), daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        finished.set()
        renewal.join()
        lease.release()


def _renew_regularly(lease: Lease, finished: threading.Event, interval: float) -> None:
    while not finished.wait(interval):
        with suppress(Exception):  # the next renewal, before anything is written, fails again
            lease.renew()


def _acquire(store: Store, name: str, *, holder: Holder, seconds: float, say: Callable[[str], None]) -> str:
    deadline = time.monotonic() + max(LEASE_TIMEOUT_SECONDS, 2 * seconds)
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
            with suppress(ConflictError):  # another machine was faster
                return store.write(name, holder.to_bytes(), generation=generation).generation
        else:
            time.sleep(min(1.0, seconds / 10))
    raise BackupError("Another machine has been writing backups of this project for half an hour. Try again later.")


def current_lease(store: Store, name: str) -> tuple[str, Holder]:
    """Return the lease's generation and its holder; NEW when the lease is free."""
    try:
        data, generation = store.read(name)
    except MissingError:
        return NEW, Holder("")
    try:
        note = json.loads(data)
        return generation, Holder(str(note["holder"]), str(note.get("token")))
    except (ValueError, KeyError, TypeError, RecursionError):
        return generation, Holder("unknown")
