"""PostgreSQL: pg_dump and pg_restore copy, and a rename swaps."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from bedplate.backup.databases import Finished, Say
from bedplate.backup.databases.archive import Archive, Restorer
from bedplate.backup.databases.empty_clone import EMPTY, DatabaseProperties, create_empty_clone, read_properties
from bedplate.backup.databases.inventory import Server, between, read_inventory, sequence_values
from bedplate.backup.databases.login import MAINTENANCE_DATABASE, Login
from bedplate.backup.databases.rights import TRIES, drop_database, end_sessions, in_use, is_superuser, not_in_dump
from bedplate.backup.databases.staged import JOBS, LiveStaging, engine_of
from bedplate.backup.databases.tools import require_same_major, run_tool
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import DatabaseInventory, Engine
from bedplate.backup.progress import Step
from bedplate.environment import Environment

COMPRESSION: Final = "zstd:1"
# services.yml mounts an empty volume there, on the disk of the server's, only to show its free space.
DISK: Final = Path("/postgres_disk")
COMPOSE_HOST: Final = "postgres"
LONGEST_NAME: Final = 63
# The id of a restore. A database with another suffix is not ours.
RESTORE: Final = re.compile(r"\d{8}t\d{6}_[0-9a-f]{4}")


@dataclass(frozen=True)
class PostgreSQL:
    """The project's database on its server."""

    environment: Environment

    @cached_property
    def engine(self) -> Engine:
        """The server."""
        return engine_of(self._login)

    def exists(self) -> bool:
        """Return whether there is a live database, damaged or not."""
        with self._maintenance() as server:
            return self._exists(server)

    @property
    def disk(self) -> Path | None:
        """The mount point of the volume of Compose's server; None for a server elsewhere."""
        return DISK if self.environment.postgres_host == COMPOSE_HOST and DISK.is_dir() else None

    def room(self, size: int) -> int:
        """Return the size, plus the write-ahead log of a restore, which PostgreSQL keeps up to a limit."""
        with self._maintenance() as server:
            query = "SELECT pg_size_bytes(current_setting('max_wal_size'))"
            (log,) = server.execute(query).fetchall()[0]
        return size + min(int(log), 2 * size)

    def close_staging(self, restore: str) -> None:
        """End all connections to the staging database, and allow no new ones."""
        with suppress(BackupError), self._maintenance() as server:  # it may not exist yet, or no longer
            name = self._named("staging", restore)
            server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            end_sessions(server, name)

    def size(self) -> int:
        """Return the bytes that the live database takes."""
        with self._connect() as connection:
            return int(connection.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])

    def properties(self) -> DatabaseProperties:
        """Return the properties of the live database."""
        with self._maintenance() as server:
            return read_properties(server, self._live)

    def dump(self, folder: Path, *, finished: Finished, step: Step, say: Say) -> DatabaseInventory:
        """Dump the live database into `folder`. Return the inventory of the same snapshot."""
        with self._connect() as connection, self._connect() as other, ThreadPoolExecutor(1) as counter:
            require_same_major(connection.info.server_version)
            other.autocommit = True
            before = sequence_values(other)
            # Row security would hide rows from the count; with this setting, the server raises an error instead.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL row_security = off")
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchall()[0]
            inventory = counter.submit(read_inventory, connection)
            try:
                last = self._run_pg_dump(folder, snapshot, finished=finished, step=step)
            except BackupError:
                if error := inventory.exception():  # it ended the snapshot, so pg_dump failed
                    raise error from None
                raise
            if left_out := self._beyond_owner(other, folder):
                say(f"A restore by {self._login.user}, who is not a superuser, leaves out: {', '.join(left_out)}.")
            for path in last:
                finished(path)
            return replace(inventory.result(), sequences=between(before, sequence_values(other)))

    def staging(self, restore: str) -> LiveStaging:
        """Return the database that a restore prepares, whether it exists yet or not."""
        return LiveStaging(self._login, self._named("staging", restore), self._create)

    def swap(self, restore: str) -> None:
        """Make the staging database live, and the live one the previous one, in one transaction."""
        self._rename_live(restore, successor=self._named("staging", restore))

    def swap_back(self, earlier: str, restore: str) -> None:
        """Swap in the database that restore `earlier` kept, and keep the live one as the previous one of `restore`."""
        self._rename_live(restore, successor=self._named("previous", earlier))

    def swapped(self, restore: str) -> bool:
        """Return whether that restore reached the swap: then its previous database exists."""
        return restore in self.previous()

    def previous(self) -> list[str]:
        """Return the restores whose previous databases are kept, oldest first."""
        return self._restores("previous")

    def drop_staging(self) -> None:
        """Remove every staging database, and the empty ones that stand for a missing database."""
        for kind in ("staging", "missing"):
            for restore in self._restores(kind):
                self._drop(self._named(kind, restore))

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
        self._drop_subscriptions(name)
        with self._maintenance() as server:
            drop_database(server, name)

    def _drop_subscriptions(self, name: str) -> None:
        """Drop the subscriptions that keep a database from being dropped. Their slots, on other servers, stay."""
        with self._maintenance() as server:
            query = "SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = %s"
            found = server.execute(query, [name]).fetchall()
            if found:  # its connections may have been refused since: see close_staging
                server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
        for (subscription,) in found:
            with self._connect(name) as database:
                for statement in ("ALTER {} DISABLE", "ALTER {} SET (slot_name = NONE)", "DROP {}"):
                    named = sql.SQL("SUBSCRIPTION {}").format(sql.Identifier(subscription))
                    database.execute(sql.SQL(statement).format(named))

    def _exists(self, server: Server) -> bool:
        return bool(server.execute("SELECT FROM pg_database WHERE datname = %s", [self._live]).fetchall())

    def _create(self, server: Server, name: str, template: str = EMPTY) -> list[str]:
        """Create an empty clone of the live database; if that is gone, of the last one that was replaced.

        Return the settings that the role may not set.
        """
        replaced = [self._named("previous", restore) for restore in self.previous()[-1:]]
        if models := [self._live] * self._exists(server) or replaced:
            return create_empty_clone(server, models[0], name, template=template)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        server.execute(create.format(*map(sql.Identifier, (name, template, self.environment.postgres_user))))
        return []

    def _rename_live(self, restore: str, *, successor: str) -> None:
        """Make the successor live, and keep the previous database; if none was live, an empty one."""
        with self._maintenance() as server:
            live = self._live
            if not self._exists(server):
                self._create(server, live := self._named("missing", restore))
        self._rename({live: self._named("previous", restore), successor: self._live})

    def _rename(self, names: Mapping[str, str]) -> None:
        """Rename databases, in one transaction."""
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        with self._maintenance() as server:
            for attempt in range(TRIES):
                try:
                    with server.transaction():
                        for database in names:
                            end_sessions(server, database)
                        # Waits five seconds for sessions that are ending; no new one can connect meanwhile.
                        for database, name in names.items():
                            server.execute(rename.format(sql.Identifier(database), sql.Identifier(name)))
                    return
                except psycopg.errors.ObjectInUse as error:
                    if attempt == TRIES - 1:
                        raise in_use(server, list(names), error) from None

    def _run_pg_dump(self, folder: Path, snapshot: str, *, finished: Finished, step: Step) -> list[Path]:
        """Return the files that were not reported while it ran."""
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
        return sorted(set(folder.iterdir()) - reported)

    def _beyond_owner(self, server: Server, folder: Path) -> list[str]:
        """Return the parts of the live database that its owner cannot restore, as far as they are known."""
        if is_superuser(server):
            return []
        return [*Archive(folder).restorable(Restorer()).left_out, *not_in_dump(server)]

    @contextmanager
    def _maintenance(self) -> Iterator[Server]:
        with self._connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            yield server

    def _connect(self, name: str | None = None) -> AbstractContextManager[Server]:
        return self._login.connect(name or self._live)


def _opens(login: Login) -> bool:
    """Return whether PostgreSQL accepts the password: there are two during its rotation."""
    try:
        login.open(MAINTENANCE_DATABASE).close()
    except psycopg.OperationalError:
        return False
    return True
