"""./bedplate rotate-secret on a server in use: the how-to page, an interruption, and secrets that do not work."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import attempt, run
from bedplate.testing.server import EMAIL, Server
from bedplate.testing.visitor import Visitor
from documents import commands_of
from fake_server import HASHES

from stack.conftest import CUSTOMER
from stack.editing import appended, replaced
from stack.fault_injection import interrupt_at
from stack.roles import as_superuser
from stack.traffic import Traffic

HOW_TO: Final = ROOT / "library/docs/how-to/rotate-a-secret.md"
COMMANDS: Final = "".join(commands_of(HOW_TO)).splitlines()
CONNECT: Final = (
    "import psycopg, sys; psycopg.connect(host='postgres', user='app', dbname='app', password=sys.argv[1]).close()"
)

pytestmark = pytest.mark.stack
on_prod = pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")
on_dev = pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")


def rotate(server: Server, name: str) -> None:
    """Run the how-to page's line for this secret, to the letter."""
    (command,) = [command for command in COMMANDS if f"./bedplate rotate-secret {name} --yes" == command]
    server.follow(command)


def attempt_with(server: Server, name: str, value: str) -> subprocess.CompletedProcess[str]:
    """Return the result of the rotation to this value."""
    given = server.directory / "given"
    given.write_text(value)
    result = attempt(
        "./bedplate", "rotate-secret", name, "--from", given, "--yes", directory=server.directory, limit=300
    )
    given.unlink()
    return result


@contextmanager
def load_clients(server: Server, *, clients: int = 4) -> Iterator[None]:
    """Run load clients; fail if one of them was not served."""
    traffic = Traffic(server, clients=clients)
    with traffic.running():
        yield
    assert traffic.requests > 100
    assert not traffic.failures


def is_logged_in(visitor: Visitor) -> bool:
    """Return whether the site knows the visitor; the present key signs the session then."""
    return visitor.ask("/tasks/")[0] == 200


def opens_database(server: Server, password: str) -> bool:
    """Return whether PostgreSQL accepts this password."""
    result = attempt(
        "docker", "compose", "exec", "--no-TTY", "web", "python", "-c", CONNECT, password, directory=server.directory
    )
    assert result.returncode == 0 or "password authentication failed" in result.stderr, result.stderr
    return result.returncode == 0


def assert_nothing_is_left(server: Server) -> None:
    """Assert that no earlier or later secret is left, and each file is its owner's alone."""
    folder = server.directory / "secrets"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {mode for name, mode in modes.items() if name not in HASHES} == {0o600}


@on_prod
def test_metrics_token(server: Server) -> None:
    """Prometheus reads the metrics with the token, through nginx; with the earlier one, or none, it does not."""

    def metrics(token: str) -> tuple[int, str]:
        response = server.get("/operations/metrics", Authorization=f"Bearer {token}")
        return response.status, response.text

    earlier = server.secret("metrics_token").strip()
    status, found = metrics(earlier)
    assert (status, 'bedplate_service_up{service="cron"} 1.0' in found) == (200, True), found
    rotate(server, "metrics_token")
    present = server.secret("metrics_token").strip()
    assert [metrics(token)[0] for token in (present, earlier, "")] == [200, 403, 403]
    assert_nothing_is_left(server)


@pytest.mark.slow
@on_prod
def test_secret_key(server: Server, superuser: Visitor, customer: Visitor) -> None:
    """With a new key users stay logged in, and no request fails; once the old key is forgotten, it opens nothing."""
    absent = server.visitor()
    assert absent.log_in(*CUSTOMER)
    (old,) = server.secret("secret_key").split()
    with load_clients(server):  # of one browser
        rotate(server, "secret_key")
    new, previous = server.secret("secret_key").split()
    assert previous == old
    assert len(new) >= 32
    assert is_logged_in(superuser)
    assert is_logged_in(customer)
    rotate(server, "secret_key --forget-previous")
    assert server.secret("secret_key").split() == [new]
    assert is_logged_in(superuser)
    assert is_logged_in(customer)
    assert not is_logged_in(absent)
    assert_nothing_is_left(server)


def interrupt(server: Server, step: str, console: Path) -> None:
    """Rotate the database's password; press Ctrl-C once this step is on the console."""
    command = (server.directory / "bedplate", "rotate-secret", "postgres_password", "--yes")
    assert interrupt_at(*command, said=step, number=signal.SIGINT, console=console) == 130


@on_prod
def test_database_password(server: Server, tmp_path: Path) -> None:
    """Interrupted when PostgreSQL already has the new one, the site serves; run again, it ends. The old one is gone."""
    old = server.secret("postgres_password").strip()
    as_superuser(server, "ALTER SYSTEM SET log_statement = 'ddl'")
    as_superuser(server, "SELECT pg_reload_conf()")
    with load_clients(server):
        interrupt(server, "[5] ", tmp_path / "console")
        assert "the rotation is not complete" in (tmp_path / "console").read_text()
        assert server.status("/health/ready") == 200
        assert not opens_database(server, old)
        rotate(server, "postgres_password")
    (new,) = server.secret("postgres_password").split()
    assert opens_database(server, new)
    assert server.secret("postgres_server_password").strip() == new
    assert old not in (server.directory / "rotate_secret.log").read_text()
    assert new not in (server.directory / "rotate_secret.log").read_text()
    log = server.compose("logs", "postgres")
    assert "ALTER USER" in log
    assert new not in log  # PostgreSQL got a hash
    as_superuser(server, "ALTER SYSTEM RESET log_statement")
    assert_nothing_is_left(server)


@on_prod
def test_first_users_password(server: Server, superuser: Visitor) -> None:
    """The first user logs in with the new one alone, and must log in again."""
    old = server.secret("default_user_password").strip()
    rotate(server, "default_user_password")
    assert not is_logged_in(superuser)
    assert not server.visitor().log_in(EMAIL, old)
    assert superuser.log_in(EMAIL, server.secret("default_user_password").strip())
    assert_nothing_is_left(server)


@on_prod
def test_credentials_that_do_not_work(server: Server) -> None:
    """They are tried before cron gets them; the previous ones stay in force."""
    with replaced(server.directory / ".env", "BACKUP_URL=\n", "BACKUP_URL=gs://no-such-bucket\n"):
        result = attempt_with(server, "google_credentials", '{"type": "service_account"}')
    assert result.returncode == 1
    assert "Failed: Test its access" in result.stderr
    assert "The previous google_credentials is in force" in result.stderr
    assert server.secret("google_credentials") == ""
    assert_nothing_is_left(server)


@on_prod
def test_signing_key(server: Server, tmp_path: Path) -> None:
    """The next backup is signed with the new one; earlier backups are trusted by the line of the former key."""
    tool = ("docker", "compose", "run", "--rm", "--no-deps", "--no-TTY")
    signers = tmp_path / "signers"

    def google_storage(option: str) -> str:
        return run("./google_storage.sh", option, directory=server.directory, limit=300)

    def signed() -> list[bool]:
        mount = f"--volume={signers}:/app/config/backup_signers:ro"
        listed = run(
            *tool, mount, "cron", "python", "-m", "bedplate.backup", "-l", "--json", directory=server.directory
        )
        return [backup["signed"] for backup in json.loads(listed)]

    with replaced(server.directory / ".env", "BACKUP_URL=\n", "BACKUP_URL=file:///data/backups\n"):
        google_storage("-b")
        line = google_storage("--public-key")
        refused = attempt("./bedplate", "rotate-secret", "backup_signing_key", "--yes", directory=server.directory)
        assert (refused.returncode, line.strip() in refused.stderr) == (1, True)
        with appended(server.directory / "web/config/backup_signers", line):
            rotate(server, "backup_signing_key")
        assert google_storage("--public-key") != line
        signers.write_text("")
        assert signed() == [False]
        google_storage("-b")
        assert signed() == [True, False]
        signers.write_text(line)
        assert signed() == [True, True]
        run(*tool, "cron", "sh", "-c", "rm -r /data/backups/*", directory=server.directory)
    assert_nothing_is_left(server)


@on_dev
def test_basic_auth_password(server: Server) -> None:
    """DEV accepts the new password alone; one that was chosen elsewhere is accepted, too."""
    old = server.secret("dev_password").strip()
    assert server.status("/") == 200  # with the current password, which `server` goes on using
    assert attempt_with(server, "dev_password", "another-chosen-password").returncode == 0
    assert server.secret("dev_password") == "dev:{PLAIN}another-chosen-password\n"
    assert server.status("/") == 401
    assert attempt_with(server, "dev_password", old).returncode == 0
    assert server.status("/") == 200
    assert attempt_with(server, "dev_password", "half:of-a-password").returncode == 1  # nginx would take `half`
    assert server.status("/") == 200
    assert_nothing_is_left(server)
