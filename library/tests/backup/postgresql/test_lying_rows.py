"""A failed pg_restore is recorded for a bad backup, whatever its rows contain, but not for a server error."""

from typing import Final, LiteralString

import pytest
from bedplate.backup.catalog import read
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.verifications import Verification
from picture import connect
from project import Execute, Project
from psycopg import sql

pytestmark = pytest.mark.postgresql

LIES: Final = (
    "No space left on device",
    "connection to server was lost",
    "could not extend file",
    "permission denied",
    "pg_restore: error: connection to server failed",
    "one line\npg_restore: error: connection to server failed\nERROR:  terminating connection",
)
CHECK: Final[LiteralString] = """
    CREATE FUNCTION holds(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE TABLE notes (note text CHECK (holds(note)));
    INSERT INTO notes VALUES ({lie});
    CREATE OR REPLACE FUNCTION holds(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
"""
DUPLICATE: Final[LiteralString] = """
    CREATE FUNCTION known_as(integer) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
    CREATE TABLE notes AS SELECT generate_series(1, 2) AS number;
    CREATE UNIQUE INDEX ON notes (known_as(number));
    CREATE OR REPLACE FUNCTION known_as(integer) RETURNS text LANGUAGE sql IMMUTABLE RETURN {lie}::text;
"""
SYNTAX: Final[LiteralString] = """
    CREATE FUNCTION number(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
    CREATE MATERIALIZED VIEW numbers AS SELECT number({lie}) AS number;
    CREATE OR REPLACE FUNCTION number(text) RETURNS integer LANGUAGE sql AS 'SELECT $1::integer';
"""
OUT_OF_ORDER: Final[LiteralString] = """
    CREATE FUNCTION says() RETURNS integer LANGUAGE sql AS 'SELECT 1';
    CREATE MATERIALIZED VIEW said AS SELECT says() AS said;
    CREATE OR REPLACE FUNCTION says() RETURNS integer LANGUAGE plpgsql AS {body};
"""
ENDS_ITSELF: Final = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN 1; END"
DIALS: Final = "BEGIN PERFORM public.dblink_connect('hostaddr=127.0.0.1 port=1 user=x password=y'); RETURN 1; END"


def execute(project: Project, statements: LiteralString, **values: str) -> None:
    """Run SQL in the project's database."""
    with connect(project.configuration.variables) as connection:
        quoted = {name: sql.Literal(value) for name, value in values.items()}
        connection.execute(sql.SQL(statements).format(**quoted))


def last_verification(project: Project, backup: Manifest) -> Verification | None:
    """Return the last verification of the backup."""
    found = read(project.store, backup.name, trust=project.configuration.trust)
    assert found
    return found.verification


@pytest.mark.usefixtures("without_django")
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (CHECK, "violates check constraint"),
        (DUPLICATE, "could not create unique index"),
        (SYNTAX, "invalid input syntax for type integer"),
    ],
)
def test_rows_do_not_hide_a_bad_backup(project: Project, statements: LiteralString, said: str, lie: str) -> None:
    execute(project, statements, lie=lie)
    backup = project.back_up()
    with pytest.raises(UnusableBackupError, match=said):
        project.verify()
    found = last_verification(project, backup)
    assert found
    assert not found.passed


@pytest.mark.usefixtures("without_django")
@pytest.mark.parametrize(
    ("body", "said"), [(ENDS_ITSELF, "terminating connection"), (DIALS, "could not establish connection")]
)
def test_a_lost_connection_and_a_missing_network_are_not_recorded(
    project: Project, as_superuser: Execute, body: str, said: str
) -> None:
    as_superuser(project, "CREATE EXTENSION dblink")
    execute(project, OUT_OF_ORDER, body=body)
    backup = project.back_up()
    with pytest.raises(BackupError, match=said) as caught:
        project.verify()
    assert not isinstance(caught.value, UnusableBackupError)
    assert last_verification(project, backup) is None
