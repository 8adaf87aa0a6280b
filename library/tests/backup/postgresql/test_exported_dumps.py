"""`--export` of PostgreSQL: a dump for stock tools, without personal data."""

import subprocess
from pathlib import Path

import pytest
from picture import client, connect
from project import MakeDatabase, MakeProject, Project
from psycopg.sql import SQL, Identifier

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

CUSTOMER = "erika@customer.example"
MAKE_USER = """INSERT INTO users_user (email, password, name, is_superuser, is_staff, is_active, date_joined)
    VALUES (%s, 'secret', 'Erika Mustermann', false, false, true, now())"""


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_stock_pg_restore_brings_back_pseudonyms(
    site: Project, make_project: MakeProject, databases: MakeDatabase, tmp_path: Path, environment: str
) -> None:
    """It works in PROD too. The live database stays unchanged, and no other database is left."""
    with connect(site.configuration.variables) as connection:
        connection.execute(MAKE_USER, [CUSTOMER])
    live = site.configuration.variables.postgres_db
    site = make_project(live, ENVIRONMENT=environment)
    dump = tmp_path / "database.dump"
    dump.write_bytes(site.export("database")["database.dump"])
    new = databases()
    client("pg_restore", site.configuration.variables, "--no-owner", "--exit-on-error", f"--dbname={new}", str(dump))
    with connect(site.configuration.variables, new) as connection:
        ((email, name, password),) = connection.execute("SELECT email, name, password FROM users_user").fetchall()
        (shown,) = connection.execute("SELECT users_user::text FROM users_user").fetchone() or ("",)
    assert email.endswith("@example.invalid")
    assert (name.startswith("Person-"), password) == (True, "!anonymised")
    assert "Erika" not in shown
    with connect(site.configuration.variables) as connection:
        assert connection.execute("SELECT email FROM users_user").fetchall() == [(CUSTOMER,)]
        query = SQL("SELECT count(*) FROM pg_database WHERE starts_with(datname, {})").format(f"{live}_staging")
        assert connection.execute(query).fetchall() == [(0,)]
    assert site.remains == []


def test_owners_and_grants_stay_here(superusers_project: Project, role: str, tmp_path: Path) -> None:
    """An export contains no role names; without anonymization, rows are unchanged."""
    project = superusers_project
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 'as it is' AS note")
        connection.execute(SQL("GRANT SELECT ON notes TO {0}; ALTER TABLE notes OWNER TO {0}").format(Identifier(role)))
    dump = tmp_path / "database.dump"
    dump.write_bytes(project.export("database", anonymized=False)["database.dump"])
    text = subprocess.run(["pg_restore", "--file=-", dump], check=True, capture_output=True, text=True).stdout
    assert "as it is" in text
    assert role.replace('"', '""') not in text
