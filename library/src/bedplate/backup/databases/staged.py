"""A staging database on any PostgreSQL server: restore a dump into it, count its rows, export it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg

from bedplate.backup.databases.archive import Archive, Restorable, Restorer
from bedplate.backup.databases.dump_files import require_own_files
from bedplate.backup.databases.empty_clone import EMPTY
from bedplate.backup.databases.inventory import Server, between, read_inventory, sequence_values
from bedplate.backup.databases.login import MAINTENANCE_DATABASE, Login
from bedplate.backup.databases.rights import (
    WITH_EXTENSIONS,
    extensions_of,
    in_use,
    is_superuser,
    missing_roles,
    require_extensions,
    schemas_of,
    untrusted,
)
from bedplate.backup.databases.tools import require_same_major, run_as_far_as_allowed, run_tool
from bedplate.backup.manifest import DatabaseInventory, Engine
from bedplate.backup.progress import Step

JOBS: Final = "2"
EXPORT: Final = "database.dump"
SHOWN: Final = 20


def engine_of(login: Login) -> Engine:
    """Return the server's engine and version."""
    with login.connect(MAINTENANCE_DATABASE) as connection:
        version = connection.info.server_version
    return Engine(name="postgresql", version=f"{version // 10000}.{version % 10000}")


@dataclass(frozen=True)
class StagedPostgreSQL:
    """Operations shared by the live server and the verifier."""

    login: Login
    name: str
    """Its name in Django's settings."""

    @property
    def engine(self) -> Engine:
        """The server."""
        return engine_of(self.login)

    def inventory(self) -> DatabaseInventory:
        """Return the inventory of the database."""
        with self.login.connect(self.name) as connection:
            values = sequence_values(connection)
            connection.execute("SET LOCAL row_security = off")
            return replace(read_inventory(connection), sequences=between(values, values))

    def export(self, folder: Path) -> Path:
        """Return a file in the folder: a dump in pg_dump's custom format."""
        file = folder / EXPORT
        options = ["--format=custom", "--no-sync", f"--file={file}"]
        command = ["pg_dump", *self.login.options, *options, self.name]
        run_tool(command, password=self.login.password, finished_item=lambda _item: None)
        return file

    def restore_archive(self, folder: Path, *, options: Sequence[str], step: Step) -> None:
        """Restore the files of a dump into the database.

        Two jobs of pg_restore can deadlock when one attaches the index of a partition and the other adds a foreign key
        to the same table. Such a dump gets one job for all that follows the rows.
        """
        step.expect(sum(1 for _ in folder.iterdir()))
        runs = [[f"--jobs={JOBS}"]]
        if Archive(folder).attaches_indexes():
            runs = [["--section=pre-data", "--section=data", f"--jobs={JOBS}"], ["--section=post-data"]]
        for run in runs:
            run_tool(
                self._pg_restore(folder, "--exit-on-error", *run, *options),
                password=self.login.password,
                finished_item=lambda _item: step.advance(),
            )

    def restore_as_owner(self, folder: Path, entries: Restorable, *, options: Sequence[str], step: Step) -> list[str]:
        """Restore a dump as a role without superuser rights. Return the grants and comments that were refused."""
        options = ["--no-owner", "--no-tablespaces", *options]
        self.restore_archive(folder, options=[*options, f"--use-list={entries.file}"], step=step)
        command = self._pg_restore(folder, *options, f"--use-list={entries.later}")
        refused = run_as_far_as_allowed(command, password=self.login.password)
        # pg_dump writes a comment for each extension; the server's extensions already have the same.
        return [statement for statement in refused if not statement.startswith("COMMENT ON EXTENSION ")]

    def _pg_restore(self, folder: Path, *options: str) -> list[str]:
        common = ["--format=directory", f"--dbname={self.name}"]
        return ["pg_restore", *self.login.options, *common, *options, str(folder)]


@dataclass(frozen=True)
class LiveStaging(StagedPostgreSQL):
    """A staging database beside the live one, with the same properties that are not part of a dump."""

    create: Callable[[Server, str, str], list[str]]
    """Create the empty database from a template, by a connection in autocommit mode; return settings left out."""

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Create the database from the files of a dump. Return notes for the user, or nothing."""
        require_own_files(folder)
        archive = Archive(folder)
        with self.login.connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            require_same_major(server.info.server_version)
            missing = missing_roles(server, roles or ())
            superuser = is_superuser(server)
            needed = set() if superuser else untrusted(server, archive.extensions())
            settings = self._create(server, needed)
        options = ["--no-privileges"] * bool(missing or roles is None)
        notes = list[str]()
        if missing:
            left_out = "owners and grants were left out, and logins to other servers"
            notes.append(f"This server has no role {', '.join(missing)}: {left_out}.")
        if superuser:
            options += ["--no-owner"] * bool(options)
            options += [f"--use-list={archive.without_user_mappings()}"] * bool(missing)
            self.restore_archive(folder, options=options, step=step)
        else:
            with self.login.connect(self.name) as database:
                require_extensions(database, archive.extensions(), untrusted=needed)
                there, schemas = extensions_of(database), schemas_of(database)
            restorer = Restorer(extensions=there, schemas=schemas, user_mappings=not missing)
            entries = archive.restorable(restorer)
            refused = self.restore_as_owner(folder, entries, options=options, step=step)
            owned = {} if missing else archive.owned(roles or (), user=self.login.user)
            notes += _notes(self.login.user, owned, entries, refused, settings)
        return " ".join(notes)

    def _create(self, server: Server, needed: set[str]) -> list[str]:
        """Create the empty database, from the template with the needed extensions if there is one."""
        template = EMPTY
        if needed:
            with self.login.connect(WITH_EXTENSIONS) as database:
                template = WITH_EXTENSIONS if needed & extensions_of(database).keys() else EMPTY
        try:
            return self.create(server, self.name, template)
        except psycopg.errors.ObjectInUse as error:
            raise in_use(server, [template], error) from None

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use the database."""
        return {"POSTGRES_DB": self.name, "POSTGRES_PASSWORD": self.login.password}


def _notes(
    user: str, owned: Mapping[str, list[str]], entries: Restorable, refused: list[str], settings: list[str]
) -> Iterator[str]:
    """Yield notes on a restore by that user, who is not a superuser."""
    if owned:
        yield f"Objects of {', '.join(owned)} belong to {user} now, as only a superuser may give them back."
    if functions := [function for functions in owned.values() for function in functions]:
        yield f"These functions run with the rights of {user} now. Check who may call them: {', '.join(functions)}."
    if entries.left_out:
        yield f"Left out, as only a superuser may restore them: {', '.join(entries.left_out)}."
    if refused:
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        yield f"Refused to {user}, and left out: {'; '.join(refused[:SHOWN])}{more}."
    if settings:
        yield f"Left out, as {user} may not set these settings of the database: {', '.join(settings)}."
