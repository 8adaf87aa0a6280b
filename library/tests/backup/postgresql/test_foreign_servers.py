"""Drills and exports of a database with foreign servers, whose user mappings hold passwords."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError, UnusableBackupError
from picture import connect
from project import Project
from psycopg import sql

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]


@pytest.fixture
def linked(superusers_project: Project) -> Project:
    """Return a project whose database reads a table of another server."""
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        connection.execute("""
            CREATE EXTENSION postgres_fdw;
            CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com', dbname 'far');
            CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user 'reader', password 'far-secret');
            CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'public', password 'far-secret');
            CREATE FOREIGN TABLE far_away (id integer) SERVER far;
        """)
    return project


def test_a_drill_passes_and_says_what_was_left_out(linked: Project) -> None:
    linked.back_up()
    linked.verify()
    assert "Left out, as they hold passwords of other servers: 2 user mappings." in linked.said.getvalue()


def test_an_export_has_the_server_and_no_password(linked: Project, tmp_path: Path) -> None:
    """An export without anonymization has no password either."""
    dump = tmp_path / "database.dump"
    dump.write_bytes(linked.export("database", anonymized=False)[dump.name])
    exported = subprocess.run(["pg_restore", "--file=-", dump], capture_output=True, check=True, text=True).stdout
    assert "CREATE SERVER far" in exported
    assert "CREATE FOREIGN TABLE public.far_away" in exported
    assert "far-secret" not in exported


def test_a_view_of_another_server_is_not_recorded(linked: Project) -> None:
    """The verifier has no access to other servers, so it cannot fill the view."""
    with connect(linked.configuration.variables) as connection:
        connection.execute("CREATE FUNCTION far() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'")
        connection.execute("CREATE MATERIALIZED VIEW copied AS SELECT far()")
        body = "SELECT count(*) FROM public.far_away"
        connection.execute(f"CREATE OR REPLACE FUNCTION far() RETURNS bigint LANGUAGE sql AS '{body}'")
    linked.back_up()
    with pytest.raises(BackupError, match="user mapping not found") as caught:
        linked.verify()
    assert not isinstance(caught.value, UnusableBackupError)


def test_a_login_of_a_role_that_is_not_here_does_not_end_a_restore(linked: Project, role: str) -> None:
    """It happens on an empty server in an emergency."""
    with connect(linked.configuration.variables) as connection:
        mapping = sql.SQL("CREATE USER MAPPING FOR {} SERVER far OPTIONS (password 'far-secret')")
        connection.execute(mapping.format(sql.Identifier(role)))
    linked.back_up()
    with connect(linked.configuration.variables) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))
    linked.restore()
    assert (
        f"This server has no role {role}: owners and grants were left out, and logins to other"
        in linked.said.getvalue()
    )
    with connect(linked.configuration.variables) as connection:
        assert connection.execute("SELECT srvname FROM pg_foreign_server").fetchall() == [("far",)]
        assert connection.execute("SELECT FROM pg_user_mappings").fetchall() == []


@pytest.fixture
def subscribed(superusers_project: Project) -> Iterator[Project]:
    """Return a project whose database has a subscription, which is removed at the end."""
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        connection.execute(
            "CREATE SUBSCRIPTION news CONNECTION 'host=db.example.com' PUBLICATION news WITH (connect = false)"
        )
    yield project
    for database in databases_of(project):
        with connect(project.configuration.variables, database) as connection:
            connection.execute("ALTER SUBSCRIPTION news SET (slot_name = NONE)")
            connection.execute("DROP SUBSCRIPTION news")


def databases_of(project: Project) -> list[str]:
    """Return the names of the live database and those of restores."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
        return [name for (name,) in connection.execute(query, [variables.postgres_db]).fetchall()]


def test_databases_with_subscriptions_are_replaced_and_removed(subscribed: Project) -> None:
    """PostgreSQL drops such a database only after the subscription is separated from its slot on the other server."""
    subscribed.back_up()
    for _ in range(3):  # each except the first removes the previous data of the one before
        subscribed.restore()
    assert len(databases_of(subscribed)) == 2


def test_a_restore_that_fails_removes_its_subscription(subscribed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed.back_up()

    def refuse(*_: object, **__: object) -> str:
        raise BackupError("manage.py failed")

    monkeypatch.setattr("bedplate.backup.staging.manage", refuse)
    with pytest.raises(BackupError, match=r"manage\.py failed"):
        subscribed.restore()
    assert databases_of(subscribed) == [subscribed.configuration.variables.postgres_db]
