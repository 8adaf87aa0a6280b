"""A staging database on a PostgreSQL server, whichever: filled from a dump, counted, written into a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bedplate.backup.databases.archive import Archive
from bedplate.backup.databases.census import Server, between, count, sequence_values
from bedplate.backup.databases.dump_files import require_own_files
from bedplate.backup.databases.login import MAINTENANCE_DATABASE, Login
from bedplate.backup.databases.tools import run_tool
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

    create: Callable[[Server, str], None]
    """Makes the empty database, by a connection in autocommit mode."""

    def load(self, folder: Path, *, roles: tuple[str, ...] | None, step: Step) -> str:
        """Make the database from the files of a dump. Return what people should know of it, or nothing."""
        require_own_files(folder)
        with self.login.connect(MAINTENANCE_DATABASE) as server:
            server.autocommit = True
            self.create(server, self.name)
            known = {role for (role,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
        unknown = sorted(set(roles or ()) - known)
        options = ["--no-owner", "--no-privileges"] if unknown or roles is None else []
        if unknown:
            options.append(f"--use-list={Archive(folder).without_user_mappings()}")
        self.restore_archive(folder, options=options, step=step)
        left_out = "owners and grants were left out, and logins to other servers"
        return f"This server has no role {', '.join(unknown)}: {left_out}." if unknown else ""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that make Django use the database."""
        return {"POSTGRES_DB": self.name, "POSTGRES_PASSWORD": self.login.password}
