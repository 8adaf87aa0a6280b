"""PostgreSQL: its own tools copy, and a rename swaps."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import psycopg
from config.environment import Environment
from psycopg import sql

from backup_system.databases import Finished
from backup_system.databases.census import Server, between, count, sequence_values
from backup_system.databases.login import MAINTENANCE_DATABASE, Login
from backup_system.databases.staged import JOBS, LiveStaging, engine_of
from backup_system.databases.tools import run_tool
from backup_system.databases.twin import Likeness, read_likeness
from backup_system.errors import BackupError
from backup_system.manifest import Census, Engine
from backup_system.progress import Step

COMPRESSION: Final = "zstd:1"
LONGEST_NAME: Final = 63
# The id of a restore. A database whose name goes on otherwise is somebody else's.
RESTORE: Final = re.compile(r"\d{8}t\d{6}_[0-9a-f]{4}")
# How often a swap is tried. Each time, whoever is connected is disconnected first.
SWAPS: Final = 10


@dataclass(frozen=True)
class PostgreSQL:
    """The project's database on its server."""

    environment: Environment

    @cached_property
    def engine(self) -> Engine:
        """The server."""
        return engine_of(self._login)

    def size(self) -> int:
        """Return the bytes that the live database takes."""
        with self._connect() as connection:
            return int(connection.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])

    def likeness(self) -> Likeness:
        """Return what the live database is like, but for its contents."""
        with self._maintenance() as server:
            return read_likeness(server, self._live)

    def dump(self, folder: Path, *, finished: Finished, step: Step) -> Census:
        """Return what the live database held in the snapshot that the files in `folder` show."""
        with self._connect() as connection, self._connect() as other, ThreadPoolExecutor(1) as counter:
            other.autocommit = True
            before = sequence_values(other)
            # Row security would hide rows from the count; it makes an error of that instead.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL row_security = off")
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchall()[0]
            census = counter.submit(count, connection)
            try:
                self._run_pg_dump(folder, snapshot, finished=finished, step=step)
            except BackupError:
                if error := census.exception():  # it ended the snapshot, and pg_dump with it
                    raise error from None
                raise
            return replace(census.result(), sequences=between(before, sequence_values(other)))

    def staging(self, restore: str) -> LiveStaging:
        """Return the database that a restore prepares, whether it is there yet or not."""
        return LiveStaging(self._login, self._named("staging", restore), self._live)

    def swap(self, restore: str) -> None:
        """Make the staging database the live one, and the live one the previous one, in one transaction."""
        self._rename_live(becomes=self._named("previous", restore), successor=self.staging(restore).name)

    def swap_back(self, earlier: str, restore: str) -> None:
        """Make live what the restore `earlier` replaced, and what is live now the previous one of `restore`."""
        self._rename_live(becomes=self._named("previous", restore), successor=self._named("previous", earlier))

    def swapped(self, restore: str) -> bool:
        """Return whether that restore got as far as the swap: then what it replaced is there."""
        return restore in self.previous()

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""
        return self._restores("previous")

    def drop_staging(self) -> None:
        """Remove every staging database."""
        for restore in self._restores("staging"):
            self._drop(self.staging(restore).name)

    def drop_previous(self, restore: str) -> None:
        """Remove the database that a restore replaced."""
        self._drop(self._named("previous", restore))

    @property
    def _live(self) -> str:
        return self.environment.postgres_db

    @property
    def _login(self) -> Login:
        *earlier, last = (self._login_with(password) for password in self.environment.postgres_passwords)
        return next(filter(_opens, earlier), last)

    def _login_with(self, password: str) -> Login:
        environment = self.environment
        return Login(
            host=environment.postgres_host,
            port=environment.postgres_port,
            user=environment.postgres_user,
            password=password,
        )

    def _named(self, kind: str, restore: str) -> str:
        name = f"{self._live}_{kind}_{restore}"
        if len(name.encode()) > LONGEST_NAME:
            raise BackupError(f"POSTGRES_DB is too long: restores need room for a suffix ({name}).")
        return name

    def _restores(self, kind: str) -> list[str]:
        prefix = f"{self._live}_{kind}_"
        with self._maintenance() as server:
            query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
            found = [name.removeprefix(prefix) for (name,) in server.execute(query, [prefix]).fetchall()]
        return [suffix for suffix in found if RESTORE.fullmatch(suffix)]

    def _drop(self, name: str) -> None:
        with self._maintenance() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _rename_live(self, *, becomes: str, successor: str) -> None:
        for attempt in range(SWAPS):
            try:
                with self._maintenance() as server, server.transaction():
                    for database in (self._live, successor):
                        server.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
                        )
                    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                    # Waits five seconds for those who are being disconnected; nobody new gets in meanwhile.
                    server.execute(rename.format(sql.Identifier(self._live), sql.Identifier(becomes)))
                    server.execute(rename.format(sql.Identifier(successor), sql.Identifier(self._live)))
                return
            except psycopg.errors.ObjectInUse as error:
                if attempt == SWAPS - 1:
                    raise BackupError(f"The live database could not be swapped: {error}. Stop what uses it.") from None

    def _run_pg_dump(self, folder: Path, snapshot: str, *, finished: Finished, step: Step) -> None:
        reported = set()

        def finish(item: int) -> None:
            step.advance()
            path = folder / f"{item}.dat.zst"
            if path.exists():
                reported.add(path)
                finished(path)

        options = ["--format=directory", f"--jobs={JOBS}", f"--compress={COMPRESSION}", "--no-sync"]
        run_tool(
            [
                "pg_dump",
                *self._login.options,
                *options,
                f"--snapshot={snapshot}",
                f"--file={folder}",
                self._live,
            ],
            password=self._login.password,
            finished_item=finish,
        )
        for path in sorted(set(folder.iterdir()) - reported):
            finished(path)

    @contextmanager
    def _maintenance(self) -> Iterator[Server]:
        with self._connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            yield server

    def _connect(self, name: str | None = None) -> AbstractContextManager[Server]:
        return self._login.connect(name or self._live)


def _opens(login: Login) -> bool:
    """Return whether PostgreSQL takes the password: there are two while it is being replaced."""
    try:
        login.open(MAINTENANCE_DATABASE).close()
    except psycopg.OperationalError:
        return False
    return True
