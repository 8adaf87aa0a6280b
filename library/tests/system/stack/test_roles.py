"""The application's role in PostgreSQL owns its database, and has no other rights: as seen by an SQL injection."""

from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack, attempt, run
from documents import commands_of

from stack.roles import as_superuser

pytestmark = pytest.mark.stack

REFUSED: Final = "42501"  # insufficient_privilege, in the list of PostgreSQL's error codes
FORBIDDEN: Final = {
    "programs": "COPY (SELECT 1) TO PROGRAM 'touch /tmp/taken'",
    "files": "COPY (SELECT 1) TO '/tmp/written'",
    "reading a file": "SELECT pg_read_file('/etc/passwd')",
    "importing a file": "SELECT lo_import('/etc/passwd')",
    "hashes of passwords": "SELECT rolpassword FROM pg_authid",
    "another superuser": "CREATE ROLE another SUPERUSER LOGIN",
    "another role": "CREATE ROLE another LOGIN",
    "its own rights": "ALTER ROLE app SUPERUSER",
    "rows past policies": "ALTER ROLE app BYPASSRLS",
    "the catalog": "UPDATE pg_authid SET rolsuper = true",
    "the superuser's role": "SET ROLE postgres",
    "the superuser's session": "SET SESSION AUTHORIZATION postgres",
    "membership": "GRANT postgres TO app",
    "rights of the server": "GRANT pg_execute_server_program TO app",
    "settings of the server": "ALTER SYSTEM SET archive_command = 'touch /tmp/taken'",
    "settings of a superuser": "SET session_preload_libraries = '/tmp/taken'",
    "reading the settings again": "SELECT pg_reload_conf()",
    "code in C": "CREATE FUNCTION taken() RETURNS int LANGUAGE c AS '/tmp/taken', 'taken'",
    "libraries": "LOAD '/tmp/taken'",
    "extensions that reach out": "CREATE EXTENSION file_fdw",
    "other databases": "DROP DATABASE postgres",
    "the template of databases": "ALTER DATABASE template1 OWNER TO app",
}
# Objects of the first superuser in this database. PostgreSQL's own have lower numbers, except its schemas of
# temporary tables.
OF_SUPERUSER: Final = """
    SELECT count(*) FROM pg_class WHERE relowner = 10 AND oid >= 16384
    UNION ALL SELECT count(*) FROM pg_namespace WHERE nspowner = 10 AND oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT count(*) FROM pg_database WHERE datdba = 10 AND datname !~ '^(postgres|template[01])$'
"""


def as_application(stack: Stack, sql: str) -> str:
    """Return PostgreSQL's answer to the application's role, which logs in from cron's container as Django does."""
    login = (
        'PGPASSWORD=$POSTGRES_PASSWORD exec psql --no-psqlrc --tuples-only --no-align -h postgres -U app "$@" app 2>&1'
    )
    options = ("--set=VERBOSITY=verbose", f"--command={sql}")
    result = attempt(
        "docker", "compose", "exec", "--no-TTY", "cron", "sh", "-c", login, "sh", *options, directory=stack.directory
    )
    return result.stdout.strip()


def test_it_is_no_superuser_and_owns_what_is_its_own(stack: Stack) -> None:
    """It may create databases, for restores and tests; no object of the application is the superuser's."""
    rights = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = "
    assert as_application(stack, f"{rights} current_user") == "f|t|f|f|f"
    assert as_application(stack, OF_SUPERUSER).split() == ["0", "0", "0"]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_superuser_rights_are_refused(stack: Stack, what: str) -> None:
    """An SQL injection stays in the application's own data."""
    assert f"ERROR:  {REFUSED}" in as_application(stack, FORBIDDEN[what])


def test_database_of_another_is_closed(stack: Stack) -> None:
    """It cannot connect to a database of another role that is closed to others."""
    as_superuser(stack, "CREATE DATABASE of_another")
    try:
        as_superuser(stack, "REVOKE CONNECT ON DATABASE of_another FROM PUBLIC")
        assert "permission denied for database" in as_application(stack, r"\connect of_another")
    finally:
        as_superuser(stack, "DROP DATABASE of_another")


@pytest.mark.parametrize("service", ["web", "celery", "flower", "cron"])
def test_superuser_is_out_of_reach(stack: Stack, service: str) -> None:
    """It has no password, and its socket is in no other container."""
    login = (
        "import os, psycopg\n"
        "for password in ('', 'postgres', os.environ['POSTGRES_PASSWORD']):\n"
        "    try:\n"
        "        psycopg.connect(host='postgres', user='postgres', password=password, dbname='app')\n"
        "    except psycopg.OperationalError as error:\n"
        "        print('refused' if 'password' in str(error) else error)\n"
        "    else:\n"
        "        print('got in')\n"
    )
    assert stack.exec(service, "python", "-c", login).split() == ["refused"] * 3
    assert as_superuser(stack, "SELECT rolpassword IS NULL FROM pg_authid WHERE oid = 10") == "t"
    search = r"find / \( -path /proc -o -path /sys \) -prune -o -name '.s.PGSQL*' -print 2>/dev/null || true"
    assert stack.exec(service, "sh", "-c", search).strip() == ""


def test_a_person_acts_as_the_superuser(stack: Stack) -> None:
    """The how-to page's command does it."""
    (command,) = commands_of(ROOT / "library/docs/how-to/backups.md", section="PostgreSQL's role is no superuser")
    asked = f"{command.strip()} <<<'SELECT rolsuper FROM pg_roles WHERE rolname = session_user'"
    assert " t\n" in run("bash", "-ec", asked, directory=stack.directory)
