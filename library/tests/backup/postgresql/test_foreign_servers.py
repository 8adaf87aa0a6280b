"""Foreign servers, whose user mappings hold passwords: drills and exports of a database that has some."""

import subprocess
from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError, UnusableBackupError
from picture import connect
from project import Project

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]


@pytest.fixture
def linked(project: Project) -> Project:
    """Return a project whose database reads a table of another server."""
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
    """Nor has one that is not anonymized."""
    dump = tmp_path / "database.dump"
    dump.write_bytes(linked.export("database", anonymised=False)[dump.name])
    exported = subprocess.run(["pg_restore", "--file=-", dump], capture_output=True, check=True, text=True).stdout
    assert "CREATE SERVER far" in exported
    assert "CREATE FOREIGN TABLE public.far_away" in exported
    assert "far-secret" not in exported


def test_a_view_of_another_server_is_no_verdict(linked: Project) -> None:
    """The verifier reaches no other server, so the view cannot be filled there."""
    with connect(linked.configuration.variables) as connection:
        connection.execute("CREATE FUNCTION far() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'")
        connection.execute("CREATE MATERIALIZED VIEW copied AS SELECT far()")
        body = "SELECT count(*) FROM public.far_away"
        connection.execute(f"CREATE OR REPLACE FUNCTION far() RETURNS bigint LANGUAGE sql AS '{body}'")
    linked.back_up()
    with pytest.raises(BackupError, match="user mapping not found") as caught:
        linked.verify()
    assert not isinstance(caught.value, UnusableBackupError)
