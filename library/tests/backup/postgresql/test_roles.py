"""Roles of the database get their rights again, or the restore reports the missing ones."""

from collections.abc import Callable

import pytest
from bedplate.backup.errors import BackupError
from bedplate.environment import Environment
from picture import connect, picture
from project import Project
from psycopg import sql

type Forget = Callable[[Project, str], None]

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]


@pytest.fixture
def granted(superusers_project: Project, role: str) -> Project:
    """Return a project where a role owns one table, and may read another."""
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        for statement in (
            "CREATE TABLE hers (id integer)",
            "INSERT INTO hers VALUES (1)",
            "CREATE TABLE ours (id integer, secret text)",
            "ALTER TABLE hers OWNER TO {}",
            "GRANT SELECT (id), UPDATE ON ours TO {} WITH GRANT OPTION",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {}",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
    return project


@pytest.fixture
def forget(server: Environment) -> Forget:
    """Return a function that removes a role, with all its objects."""

    def remove(project: Project, role: str) -> None:
        with connect(server, project.configuration.variables.postgres_db) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    return remove


def test_owners_and_grants_come_back(granted: Project, role: str) -> None:
    before = picture(granted.configuration.variables)
    assert any("GRANT" in line and 'test ""role' in line for line in before["schema"])
    granted.back_up()
    with connect(granted.configuration.variables) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
    granted.restore()
    assert picture(granted.configuration.variables) == before


def test_without_the_role_the_rows_come_back_and_people_hear_of_it(granted: Project, role: str, forget: Forget) -> None:
    granted.back_up()
    forget(granted, role)
    granted.restore()
    with connect(granted.configuration.variables) as connection:
        assert connection.execute("SELECT id FROM hers").fetchall() == [(1,)]
    assert f"no role {role}: owners and grants were left out" in granted.said.getvalue()


def test_a_policy_for_a_role_that_is_missing_stops_the_restore(project: Project, role: str, forget: Forget) -> None:
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE papers (id integer)")
        connection.execute("ALTER TABLE papers ENABLE ROW LEVEL SECURITY")
        connection.execute(sql.SQL("CREATE POLICY hers ON papers TO {} USING (true)").format(sql.Identifier(role)))
    project.back_up()
    forget(project, role)
    before = picture(project.configuration.variables)
    with pytest.raises(BackupError, match=r"role .* does not exist"):
        project.restore()
    assert picture(project.configuration.variables) == before
    assert project.remains == []
