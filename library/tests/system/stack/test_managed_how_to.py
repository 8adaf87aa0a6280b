"""library/docs/how-to/managed-postgresql.md, followed by a PROD that has data: moved there, used there, moved back."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import attempt, run
from bedplate.testing.server import Server
from bedplate.testing.visitor import Visitor
from documents import blocks_of, commands_of

from stack.managed_server import ManagedServer, managed_server
from stack.valkey import write_certificate

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,  # in every run: test_managed_postgresql.py, and a server elsewhere under the three machines
    pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session"),
]

HOW_TO: Final = ROOT / "library/docs/how-to/managed-postgresql.md"
(PASSWORD,) = commands_of(HOW_TO, section="Its role and database")
(ROLE,) = blocks_of(HOW_TO, "sql", section="Its role and database")
(FILE,) = blocks_of(HOW_TO, "yaml", section="The project")
(THERE,) = commands_of(HOW_TO, section="A PROD that has data")
(ROTATE,) = commands_of(HOW_TO, section="Another password")
(BACK,) = commands_of(HOW_TO, section="Back to a database of the project's own")
BACKUP_URL: Final = "file:///data/backups/of_managed"
BEFORE: Final = ("before@example.com", "a-password-from-before")
AFTER: Final = ("after@example.com", "a-password-of-afterwards")


@pytest.fixture(scope="module")
def managed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    """Return the server to which PROD has moved as the page says; at the end PROD is moved back."""
    dotenv = server.directory / ".env"
    server.exec("cron", "mkdir", "-p", BACKUP_URL.removeprefix("file://"))
    dotenv.write_text(dotenv.read_text().replace("BACKUP_URL=\n", f"BACKUP_URL={BACKUP_URL}\n"))
    server.make_user(BEFORE[0], password=BEFORE[1])
    with managed_server(server.network, tmp_path_factory.mktemp("tls")) as managed:
        try:
            move(server, managed)
            yield managed
        finally:
            if server.dotenv["COMPOSE_FILE"] != "prod.yml":  # a test failed
                server.follow(BACK)
            dotenv.write_text(dotenv.read_text().replace(f"BACKUP_URL={BACKUP_URL}\n", "BACKUP_URL=\n"))
            for name in ("managed.yml", "database-ca.pem"):
                (server.directory / name).unlink()
            server.restore()


def move(server: Server, managed: ManagedServer) -> None:
    """Follow the page to the letter."""
    password = run("bash", "-ec", PASSWORD, directory=server.directory).strip()
    assert password == server.secret("postgres_password").strip()
    for statement in ROLE.replace("PASSWORD 'PASSWORD'", f"PASSWORD '{password}'").splitlines():
        managed.sql(statement, user="dba", database="postgres")
    (server.directory / "database-ca.pem").write_bytes(managed.certificate.read_bytes())
    (server.directory / "managed.yml").write_text(FILE)
    server.follow(THERE)


def test_the_site_is_there_with_its_data(server: Server, managed: ManagedServer) -> None:
    """An existing account logs in, a new one is made; all data is in the database there, over TLS, by no superuser."""
    assert server.status("/health/ready") == 200
    visitor = server.visitor()
    assert visitor.log_in(*BEFORE)
    server.make_user(AFTER[0], password=AFTER[1])
    assert server.visitor().log_in(*AFTER)
    query = "SELECT count(*) FROM users_user WHERE email IN ('before@example.com', 'after@example.com')"
    assert managed.sql(query) == "2"
    assert managed.sql("SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                       "WHERE usename = 'site' AND client_addr IS NOT NULL") == "t"  # fmt: skip
    rights = "rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls"
    assert managed.sql(f"SELECT {rights} FROM pg_roles WHERE rolname = user") == "f"
    assert "postgres" not in server.containers()


def test_backups_work_there(server: Server, managed: ManagedServer) -> None:
    """Made, verified, restored, undone."""
    managed.sql("CREATE TABLE notes AS SELECT 'before' AS note")
    server.follow("./google_storage.sh -b")
    server.follow("./google_storage.sh --verify latest")
    managed.sql("UPDATE notes SET note = 'after'")
    server.follow("./google_storage.sh -r latest --yes-replace prod --forget-set-aside")
    assert managed.sql("SELECT note FROM notes") == "before"
    server.follow("./google_storage.sh --undo --yes-replace prod")
    assert managed.sql("SELECT note FROM notes") == "after"


def test_the_password_is_replaced_there(server: Server, managed: ManagedServer) -> None:
    """The previous one is refused, and the new one is in no log."""
    old = server.secret("postgres_password").strip()
    assert managed.accepts_password(old)
    server.follow(ROTATE)
    (new,) = server.secret("postgres_password").split()
    assert managed.accepts_password(new)
    assert not managed.accepts_password(old)
    assert server.visitor().log_in(*BEFORE)
    logs = managed.log() + (server.directory / "rotate_secret.log").read_text()
    assert "ALTER USER" in logs
    assert new not in logs


def test_a_server_with_another_authority_is_refused(
    server: Server, managed: ManagedServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The install and a backup give the reason, and the site continues."""
    ours, folder = server.directory / "database-ca.pem", tmp_path_factory.mktemp("another")
    write_certificate(folder, "db.example.com")
    ours.rename(folder / "right.pem")  # the running containers keep that file
    ours.write_bytes((folder / "cert.pem").read_bytes())
    try:
        installed = attempt("./install_docker.sh", "--yes", directory=server.directory, limit=300)
        backed_up = attempt("./google_storage.sh", "-b", directory=server.directory, limit=300)
    finally:
        (folder / "right.pem").rename(ours)
    assert installed.returncode == 1
    assert "does not prove with its certificate who it is" in installed.stderr
    assert backed_up.returncode == 1
    assert "certificate verify failed" in backed_up.stderr
    assert "Traceback" not in backed_up.stderr
    assert server.status("/health/ready") == 200


def test_the_way_back(server: Server, managed: ManagedServer, superuser: Visitor) -> None:
    """Data written there is in the project's own database, and nothing is connected there any more."""
    server.follow(BACK)
    assert superuser.ask("/tasks/")[0] == 200
    assert server.visitor().log_in(*AFTER)
    assert server.query("SELECT note FROM notes").strip() == "after"
    server.query("DROP TABLE notes")
    assert server.secret("postgres_server_password") == server.secret("postgres_password")
    others = "usename = 'site' AND pid <> pg_backend_pid()"
    assert managed.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {others}") == "0"
    assert re.search("^COMPOSE_FILE=prod.yml$", (server.directory / ".env").read_text(), re.MULTILINE)
