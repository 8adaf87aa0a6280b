"""What a database held before its backup, it holds after the restore: each file in round_trips/ makes one."""

from pathlib import Path
from typing import Final, LiteralString

import pytest
from bedplate.environment import Environment
from picture import client, connect, picture
from project import MakeProject, Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]

FILES: Final = sorted(Path(__file__).parent.glob("round_trips/*.sql"))
# What the owner of a database may not make: event triggers, some extensions; or not read: rows under a forced policy.
FOR_SUPERUSERS: Final = {"extensions", "keys_and_triggers", "row_security", "superusers_only"}


def execute(project: Project, *statements: LiteralString) -> None:
    """Execute SQL in the project's database."""
    with connect(project.configuration.variables) as connection:
        for statement in statements:
            connection.execute(statement)


def destroy(project: Project) -> None:
    """Put a database with something else in the place of the project's."""
    variables = project.configuration.variables
    name = sql.Identifier(variables.postgres_db)
    with connect(variables, "postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    execute(project, "CREATE TABLE something_else (id serial)", "INSERT INTO something_else DEFAULT VALUES")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_restored_database_is_the_one_that_was_backed_up(
    make_project: MakeProject, server: Environment, owner: str, file: Path
) -> None:
    project = make_project(POSTGRES_USER=server.postgres_user if file.stem in FOR_SUPERUSERS else owner)
    client("psql", project.configuration.variables, "--quiet", "--set=ON_ERROR_STOP=on", f"--file={file}")
    before = picture(project.configuration.variables)
    project.back_up()
    project.verify()
    destroy(project)
    project.restore()
    after = picture(project.configuration.variables)
    assert after == before
