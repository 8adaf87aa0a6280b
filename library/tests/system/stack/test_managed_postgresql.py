"""A server of another operator: over TLS only, as a role that is no superuser. Backups work as with our own."""

import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from stack.chaos.project import ChaosStack, chaos_stack
from stack.valkey import write_certificate

pytestmark = pytest.mark.stack

HOST: Final = "db.example.com"
PASSWORD: Final = secrets.token_hex(16)
BACKUPS: Final = "/data/backups"
OVERRIDE: Final = """
services:
  cron:
    volumes: ["{folder}:/tls:ro"]
  managed:
    image: postgres:18-trixie
    user: 999:999
    entrypoint: [bash, -c]
    command:
      - install -m 600 /tls/key.pem /tmp/key.pem &&
        printf 'local all all trust\\nhostssl all all all scram-sha-256\\n' >/tmp/hba.conf &&
        exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/tls/cert.pem -c ssl_key_file=/tmp/key.pem
        -c hba_file=/tmp/hba.conf
    environment: {{ POSTGRES_USER: cloudsqladmin, POSTGRES_PASSWORD: "{password}" }}
    tmpfs: ["/var/lib/postgresql:uid=999,gid=999", /tmp]
    volumes: ["{folder}:/tls:ro"]
    networks: {{ default: {{ aliases: [{host}, other.example.com] }} }}
    healthcheck:
      test: [CMD, pg_isready, --quiet, "--host=127.0.0.1"]
      interval: 1s
      start_period: 60s
      start_interval: 1s
"""
ROLE: Final = f"CREATE ROLE site LOGIN CREATEDB PASSWORD '{PASSWORD}'"
RIGHTS: Final = "SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = user"


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosStack]:
    """Yield a chaos stack with another PostgreSQL server beside its own."""
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder, HOST)
    (folder / "key.pem").chmod(0o644)
    folder.chmod(0o755)
    with chaos_stack(override=OVERRIDE.format(folder=folder, password=PASSWORD, host=HOST)) as found:
        admin = {"PGUSER": "cloudsqladmin", "PGDATABASE": "postgres"}
        psql(found, ROLE, **admin)
        psql(found, "CREATE DATABASE site OWNER site", **admin)
        yield found


def site(**others: str) -> dict[str, str]:
    """Return the variables of a project whose database is on the other server."""
    return {
        "BACKUP_URL": f"file://{BACKUPS}",
        "POSTGRES_HOST": HOST,
        "POSTGRES_USER": "site",
        "POSTGRES_DB": "site",
        "POSTGRES_PASSWORD": PASSWORD,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/tls/cert.pem",
    } | others


def psql(managed: ChaosStack, sql: str, **others: str) -> str:
    """Return the other server's answer to a statement, by default to the site's role in the site's database."""
    login = {"PGHOST": HOST, "PGUSER": "site", "PGDATABASE": "site", "PGPASSWORD": PASSWORD}
    command = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql)
    return managed.run_checked(command, variables={**site(), **login, **others}).output.strip()


def tool(managed: ChaosStack, *arguments: str, **variables: str) -> str:
    """Return the output of the backup system, on the other server."""
    command = ("python", "-m", "bedplate.backup", *arguments)
    return managed.run_checked(command, variables=site(**variables)).output


def test_the_whole_backup_system_works_there(managed: ChaosStack) -> None:
    assert psql(managed, RIGHTS) == "f"
    assert psql(managed, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"
    managed.run_checked(["python", "manage.py", "migrate", "--no-input"], variables=site())
    psql(managed, "CREATE TABLE notes AS SELECT 'before' AS note")
    psql(managed, "SELECT lo_from_bytea(0, 'a large object')")
    tool(managed, "--backup")
    tool(managed, "--verify", "latest")
    psql(managed, "UPDATE notes SET note = 'after'")
    tool(managed, "--restore", "latest", "--yes")
    assert psql(managed, "SELECT note FROM notes") == "before"
    assert psql(managed, "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata") == "a large object"
    tool(managed, "--undo", "--yes")
    assert psql(managed, "SELECT note FROM notes") == "after"
    tool(managed, "--restore", "latest", "--yes")  # which removes what the one before set aside
    assert psql(managed, "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'site')") == "2"


def test_a_project_moves_there_by_a_backup(managed: ChaosStack) -> None:
    """The data is the same there, whatever the roles are called."""
    managed.run_checked(["python", "manage.py", "migrate", "--no-input"])
    managed.query("CREATE TABLE moved AS SELECT generate_series(1, 1000) AS number; CREATE EXTENSION citext")
    here = {"BACKUP_URL": f"file://{BACKUPS}/moving"}
    managed.run_checked(["mkdir", f"{BACKUPS}/moving"])
    managed.run_checked(["python", "-m", "bedplate.backup", "--backup"], variables=here)
    said = tool(managed, "--restore", "latest", "--yes", **here)
    assert "This server has no role app: owners and grants were left out" in said
    assert psql(managed, "SELECT sum(number) FROM moved") == "500500"
    tool(managed, "--backup")
    tool(managed, "--verify", "latest")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PGSSLMODE": "disable"}, "no pg_hba.conf entry"),
        ({"PGSSLROOTCERT": "/etc/ssl/certs/ca-certificates.crt"}, "certificate verify failed"),
        ({"POSTGRES_HOST": "other.example.com"}, "does not match host name"),
    ],
    ids=["not encrypted", "another authority", "another name"],
)
@pytest.mark.parametrize(
    "command",
    [("-m", "bedplate.backup", "--backup"), ("manage.py", "check", "--database=default")],
    ids=["backup", "application"],
)
def test_another_server_is_refused(
    managed: ChaosStack, command: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    ended = managed.run(["python", *command], variables=site(**variables))
    assert ended.status != 0
    assert said in ended.output
    assert "Traceback" not in ended.output or command[0] == "manage.py"
