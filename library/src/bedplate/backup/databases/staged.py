"""A staging database on a PostgreSQL server, whichever: filled from a dump, counted, written into a file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bedplate.backup.databases.archive import Archive, Restorer
from bedplate.backup.databases.census import Server, between, count, sequence_values
from bedplate.backup.databases.dump_files import require_own_files
from bedplate.backup.databases.login import MAINTENANCE_DATABASE, Login
from bedplate.backup.databases.rights import (
    WITH_EXTENSIONS,
    is_superuser,
    missing_roles,
    out_of_reach,
    require_extensions,
    untrusted,
)
from bedplate.backup.databases.tools import require_same_major, run_tool
from bedplate.backup.databases.twin import EMPTY
from bedplate.backup.manifest import Census, Engine
from bedplate.backup.progress import Step

JOBS: Final = "2"
EXPORT: Final = "database.dump"


def engine_of(login: Login) -> Engine:
    """Return which server it is."""
    with login.connect(MAINTENANCE_DATABASE) as connection:
        version = connection.info.server_version
    return Engine(name="postgresql", version=f"{version // 10000}.{version % 10000}")


@dataclass(frozen=True)
class StagedPostgreSQL:
    """What the live server and the verifier do in the same way."""

    login: Login
    name: str
    """What Django calls it."""

    @property
    def engine(self) -> Engine:
        """The server."""
        return engine_of(self.login)

    def census(self) -> Census:
        """Return what the database holds."""
        with self.login.connect(self.name) as connection:
            values = sequence_values(connection)
            connection.execute("SET LOCAL row_security = off")
            return replace(count(connection), sequences=between(values, values))

    def export(self, folder: Path) -> Path:
        """Return a file in the folder: a dump in pg_dump's custom format."""
        file = folder / EXPORT
        options = ["--format=custom", "--no-sync", f"--file={file}"]
        command = ["pg_dump", *self.login.options, *options, self.name]
        run_tool(command, password=self.login.password, finished_item=lambda _item: None)
        return file

    def restore_archive(self, folder: Path, *, options: Sequence[str], step: Step) -> None:
        """Fill the database from the files of a dump."""
        step.expect(sum(1 for _ in folder.iterdir()))
        common = ["--exit-on-error", f"--jobs={JOBS}", "--format=directory", f"--dbname={self.name}"]
        run_tool(
            ["pg_restore", *self.login.options, *common, *options, str(folder)],
            password=self.login.password,
            finished_item=lambda _item: step.advance(),
        )


@dataclass(frozen=True)
class LiveStaging(StagedPostgreSQL):
    """A staging database beside the live one, like it in all that is not in a dump."""

    create: Callable[[Server, str, str], list[str]]
    """Makes the empty database from a template, by a connection in autocommit mode; returns settings left out."""

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Make the database from the files of a dump. Return what people should know of it, or nothing."""
        require_own_files(folder)
        archive = Archive(folder)
        with self.login.connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            require_same_major(server.info.server_version)
            missing = missing_roles(server, roles or ())
            restorer = self._restorer(server, archive, roles or (), user_mappings=not missing)
            settings = self.create(server, self.name, WITH_EXTENSIONS if restorer.extensions else EMPTY)
        if restorer.extensions:
            with self.login.connect(self.name) as database:
                require_extensions(database, restorer.extensions)
        restored = archive.restorable(restorer)
        # A role may own only what it might make there, and what it might is restored last: a superuser does not mind.
        options = ["--no-owner"] * bool(not restorer.superuser or missing or roles is None)
        options += ["--no-privileges"] * bool(missing or roles is None)
        self.restore_archive(folder, options=[*options, f"--use-list={restored.file}"], step=step)
        others = [] if restorer.superuser else archive.owners(set(roles or ()) - {self.login.user})
        return " ".join(_notes(self.login.user, missing, others, restored.left_out, settings))

    def _restorer(self, server: Server, archive: Archive, roles: tuple[str, ...], *, user_mappings: bool) -> Restorer:
        if is_superuser(server):
            return Restorer(superuser=True, user_mappings=user_mappings)
        return Restorer(
            extensions=untrusted(server, archive.extensions()),
            strangers=out_of_reach(server, roles),
            user_mappings=user_mappings,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use the database."""
        return {"POSTGRES_DB": self.name, "POSTGRES_PASSWORD": self.login.password}


def _notes(
    user: str, missing: list[str], others: list[str], left_out: tuple[str, ...], settings: list[str]
) -> Iterator[str]:
    """Yield what people should know of a restore by that user."""
    if missing:
        left_out_too = "owners and grants were left out, and logins to other servers"
        yield f"This server has no role {', '.join(missing)}: {left_out_too}."
    elif others:
        yield f"What belonged to {', '.join(others)} belongs to {user} now, as only a superuser may give it back."
    if left_out:
        yield f"Left out, as only a superuser may restore them: {', '.join(left_out)}."
    if settings:
        yield f"Left out, as {user} may not give the database these settings: {', '.join(settings)}."
