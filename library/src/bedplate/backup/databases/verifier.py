"""The verifier: a new PostgreSQL server for each run, in a container without network (decision 18: docs/adr).

Only small files are read from the shared folder, and no links are followed: the container restores untrusted data.
"""

import errno
import fcntl
import os
import re
import secrets
import select
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import sql

from bedplate.backup.databases.archive import Archive, Restorable, Restorer
from bedplate.backup.databases.dump_files import require_own_files
from bedplate.backup.databases.empty_clone import DatabaseProperties, create_with_properties
from bedplate.backup.databases.login import MAINTENANCE_DATABASE, Login
from bedplate.backup.databases.rights import missing_roles, untrusted
from bedplate.backup.databases.staged import StagedPostgreSQL
from bedplate.backup.errors import BackupError
from bedplate.backup.progress import Step

SHARED: Final = Path("/run/verifier")
DATABASE: Final = "restored"
ROLE: Final = "restorer"
START: Final = "Start it: docker compose up -d verifier"
LONGEST_STATE: Final = 4096
LOCK_TIMEOUT_SECONDS: Final = 60.0
ANSWER_TIMEOUT_SECONDS: Final = 90.0
"""The verifier may be removing the leftovers of the previous run."""
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Run:
    """A run of the verifier, which lasts as long as its pipe is open."""

    shared: Path
    identifier: str
    pipe: int

    def ask(self, request: str, *, answers: tuple[str, ...]) -> str:
        """Return the answer, one of those expected. Raise BackupError with the verifier's reason when it refuses."""
        try:
            os.write(self.pipe, f"{self.identifier} {request}\n".encode())
        except OSError:
            raise BackupError(f"The verifier stopped. {START}") from None
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (state := self.state()) not in answers:
            outcome, _, reason = state.partition(": ")
            if outcome in {"refused", "ended"}:
                raise BackupError(reason)
            if time.monotonic() >= deadline or self.is_deserted():
                raise BackupError(f"The verifier does not answer. See: docker compose logs verifier. {START}")
            time.sleep(POLL_SECONDS)
        return state

    def state(self) -> str:
        """Return the verifier's last message about this run; an empty string before the first one."""
        run, _, state = _read_small(self.shared / "state").partition(" ")
        return state.strip() if run == self.identifier else ""

    def is_deserted(self) -> bool:
        """Return True if no verifier has the pipe open."""
        poll = select.poll()
        poll.register(self.pipe, 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))

    def why_ended(self) -> str:
        """Return why the verifier has ended the run; an empty string if it has not."""
        outcome, _, reason = self.state().partition(": ")
        if outcome == "ended":
            return reason
        return f"The verifier stopped meanwhile. {START}" if self.is_deserted() else ""


@dataclass(frozen=True)
class Verifier(StagedPostgreSQL):
    """The server of a run, and its only database."""

    run: Run
    properties: Callable[[], DatabaseProperties | None]
    """Returns the properties that the database gets; None for the server's defaults."""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use the database."""
        return {
            "POSTGRES_HOST": self.login.host,
            "POSTGRES_PORT": str(self.login.port),
            "POSTGRES_DB": self.name,
            "POSTGRES_USER": self.login.user,
            "POSTGRES_PASSWORD": "none-is-asked-for",
        }

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Create the database from the files of a dump, without superuser rights. Return what was left out."""
        require_own_files(folder)
        archive = Archive(folder)
        with self.login.connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            create_with_properties(server, self.properties(), self.name)
            for role in missing_roles(server, roles or ()):  # because policies name them
                server.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            needed = untrusted(server, archive.extensions())
        made = {name: schema for name, schema in archive.extensions().items() if name in needed}
        if made:
            wanted = " ".join(f"{name}:{_hexadecimal(schema)}" for name, schema in made.items())
            self.run.ask(f"extensions {wanted}", answers=("extended",))
        entries = archive.restorable(Restorer(extensions=made, schemas=set(made.values())))
        self.restore_as_owner(folder, entries, options=["--no-privileges"], step=step)
        return " ".join(_notes(entries))


def _hexadecimal(name: str) -> str:
    return name.encode(errors="surrogateescape").hex()


def _notes(restored: Restorable) -> Iterator[str]:
    """Yield notes on the entries that were left out."""
    if restored.left_out:
        yield f"Left out, as only a superuser may restore them: {', '.join(restored.left_out)}."
    if restored.user_mappings:
        yield f"Left out, as they hold passwords of other servers: {restored.user_mappings} user mappings."


@contextmanager
def verifier(properties: Callable[[], DatabaseProperties | None], *, shared: Path = SHARED) -> Iterator[Verifier]:
    """Yield the verifier's server for one exclusive run. Raise BackupError if it does not run or stops."""
    with ExitStack() as stack:
        stack.enter_context(_lock(shared))
        pipe = _open_pipe(shared / "requests")
        stack.callback(os.close, pipe)
        run = Run(shared, secrets.token_hex(8), pipe)
        run.ask("start", answers=("ready",))
        login = Login(host=str(shared), port=5432, user=ROLE, password="")
        try:
            yield Verifier(login, DATABASE, run, properties)
        except Exception as error:
            if why := run.why_ended():  # the error itself only reports a lost connection
                raise BackupError(why) from error
            raise
        if why := run.why_ended():
            raise BackupError(why)


@contextmanager
def _lock(shared: Path) -> Iterator[None]:
    """Hold the lock of the folder, which the kernel releases when this process ends."""
    try:
        folder = os.open(shared, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise BackupError(f"There is no verifier beside this container ({shared} is missing). {START}") from None
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while not _try_lock(folder):
            if time.monotonic() >= deadline:
                raise BackupError("Another drill or export uses the verifier. Wait until it ends, then try again.")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(folder)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_pipe(path: Path) -> int:
    """Return the open pipe of the verifier, which may still be starting, or removing an earlier run's leftovers."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS / 4
    while True:
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in {errno.ENXIO, errno.ENOENT} or time.monotonic() >= deadline:
                raise BackupError(f"The verifier is not running. {START}") from None
            time.sleep(POLL_SECONDS)
            continue
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            return pipe
        os.close(pipe)
        raise BackupError(f"{path} is not a pipe: the verifier has been tampered with. Create it again.")


def _read_small(path: Path) -> str:
    """Return the beginning of a file; an empty string if it is missing or not a regular file."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                return re.sub(r"[^\x20-\x7e]", "", os.read(file, LONGEST_STATE).decode(errors="replace"))
        finally:
            os.close(file)
    return ""
