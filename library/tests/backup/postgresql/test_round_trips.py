"""A database is the same after backup and restore: the files in round_trips/ create four."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, LiteralString

import pytest
from bedplate.backup.databases import staged, tools
from bedplate.environment import Environment
from picture import client, connect, picture
from project import MakeProject, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]

FOLDER: Final = Path(__file__).parent / "round_trips"
# The owner of a database may not create event triggers and some extensions, nor read rows under a forced policy.
FOR_SUPERUSERS: Final = {"extensions", "keys_and_triggers", "row_security"}
DATABASES: Final = {
    "empty": {"empty"},
    "superuser": FOR_SUPERUSERS,
    "superuser's own": {"superusers_only"},
    "owner": {file.stem for file in FOLDER.glob("*.sql")} - FOR_SUPERUSERS - {"empty", "superusers_only"},
}


def execute(project: Project, *statements: LiteralString) -> None:
    """Execute SQL in the project's database."""
    with connect(project.configuration.variables) as connection:
        for statement in statements:
            connection.execute(statement)


def destroy(project: Project) -> None:
    """Replace the project's database by one with other content."""
    variables = project.configuration.variables
    name = sql.Identifier(variables.postgres_db)
    with connect(variables, "postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    execute(project, "CREATE TABLE something_else (id serial)", "INSERT INTO something_else DEFAULT VALUES")


@pytest.mark.parametrize("kind", DATABASES)
def test_a_restored_database_is_the_one_that_was_backed_up(
    make_project: MakeProject, server: Environment, owner: str, kind: str
) -> None:
    project = make_project(POSTGRES_USER=server.postgres_user if kind.startswith("superuser") else owner)
    files = (f"--file={FOLDER / name}.sql" for name in sorted(DATABASES[kind]))
    client("psql", project.configuration.variables, "--quiet", "--set=ON_ERROR_STOP=on", *files)
    before = picture(project.configuration.variables)
    project.back_up()
    project.verify()
    destroy(project)
    project.restore()
    after = picture(project.configuration.variables)
    assert after == before


@pytest.mark.parametrize(("partitions", "jobs"), [(True, ["--jobs=2", ""]), (False, ["--jobs=2"])])
def test_indexes_of_partitions_are_attached_by_one_job(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, partitions: bool, jobs: list[str]
) -> None:
    """With more, PostgreSQL ends one restore in sixty, on a busy machine, as a deadlock with a foreign key."""
    execute(project, "CREATE TABLE events (id integer PRIMARY KEY) PARTITION BY RANGE (id)")
    if partitions:
        execute(project, "CREATE TABLE events_rest PARTITION OF events DEFAULT")
    project.back_up()
    seen = list[str]()

    def run_tool(command: Sequence[str], *, password: str, finished_item: Callable[[int], None]) -> None:
        seen.append(next((word for word in command if word.startswith("--jobs=")), ""))
        original(command, password=password, finished_item=finished_item)

    original = tools.run_tool
    monkeypatch.setattr(staged, "run_tool", run_tool)
    project.restore()
    assert seen == jobs
