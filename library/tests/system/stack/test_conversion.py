"""A server of an earlier version: Valkey asks for no password, and the application is PostgreSQL's superuser.

A deploy converts it while it serves. Then the passwords are rotated.
"""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from bedplate.testing.compose import attempt, wait_until
from bedplate.testing.server import Server, running

from stack.editing import replaced
from stack.fault_injection import SHELL, interrupt_at
from stack.roles import as_superuser
from stack.traffic import Traffic
from stack.valkey import LISTS

pytestmark = [pytest.mark.stack, pytest.mark.slow]

BEFORE: Final = """
x-application: &application
  environment: { VALKEY_URL: "redis://valkey:6379", CACHE_URL: "redis://cache:6379" }
x-valkey: &valkey
  healthcheck:
    test: [CMD-SHELL, "valkey-cli ping | grep --quiet PONG"]
services:
  web: *application
  celery: *application
  flower: *application
  cron: *application
  valkey: { <<: *valkey, secrets: !reset [], command: [valkey-server, --appendonly yes, --save ""] }
  cache: { <<: *valkey, secrets: !reset [], command: [valkey-server, --appendonly no, --save ""] }
"""
# In one statement, since no session may rename the role that it logged in with.
BACK: Final = """
DO $$ BEGIN
  CREATE ROLE of_test SUPERUSER;
  SET LOCAL SESSION AUTHORIZATION of_test;
  ALTER ROLE app RENAME TO was_app;
  ALTER ROLE postgres RENAME TO app;
  ALTER ROLE app PASSWORD '{password}';
  REASSIGN OWNED BY was_app TO app;
  DROP OWNED BY was_app;
  DROP ROLE was_app;
  RESET SESSION AUTHORIZATION;
  DROP ROLE of_test;
END $$
"""
SECRETS: Final = ("valkey_url", "valkey_server_passwords", "cache_url", "cache_server_passwords")
TASKS: Final = 30
START: Final = (
    f"from bedplate.django.operations.tasks import sample\nfor _ in range({TASKS}): sample.start(seconds=4)\n"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a PROD whose Valkey asks for no password, and whose application is PostgreSQL's superuser."""
    with running("prod", tmp_path_factory.mktemp("conversion") / "site") as site:
        make_superuser(site)
        before, names = site.directory / "before.yml", site.directory / ".installed_as"
        before.write_text(BEFORE)
        site.compose("-f", "prod.yml", "-f", before.name, "up", "--detach", "--wait", limit=300)
        before.unlink()
        for name in SECRETS:
            (site.directory / "secrets" / name).unlink()
        names.write_text("".join(f"{name}\n" for name in names.read_text().split() if name not in SECRETS))
        yield site


@pytest.fixture(scope="module")
def traffic(site: Server) -> Iterator[Traffic]:
    """Yield the load of a client that starts a task now and then during these tests."""
    with Traffic(site, clients=1, pause=0.4).running() as traffic:
        yield traffic


@pytest.fixture(autouse=True)
def served(traffic: Traffic) -> Iterator[None]:
    """Fail the test if the client was not served meanwhile."""
    before = traffic.requests
    yield
    assert traffic.requests > before
    assert not traffic.failures


def make_superuser(site: Server) -> None:
    """Give the first superuser the application's name and password, as PostgreSQL's image did."""
    password = site.secret("postgres_password").strip()
    as_superuser(site, BACK.format(password=password), database="app")


def is_superuser(site: Server) -> bool:
    """Return whether the application is PostgreSQL's superuser, as its own session sees it."""
    code = (
        "from django.db import connection as c; r = c.cursor(); "
        "r.execute('SELECT rolsuper FROM pg_roles WHERE rolname = session_user'); print(r.fetchone()[0])"
    )
    return site.manage("shell", "--no-imports", "--command", code).strip() == "True"


def run_command(site: Server, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Return the result of a command of the project."""
    return attempt(site.directory / "bedplate", name, "--yes", *options, directory=site.directory, limit=300)


def succeed(site: Server, name: str, *options: str) -> None:
    """Run a command of the project; fail unless it succeeds."""
    result = run_command(site, name, *options)
    assert result.returncode == 0, result.stdout + result.stderr


def servers(site: Server) -> list[str]:
    """Return Valkey's containers."""
    return site.compose("ps", "--quiet", "valkey", "cache").split()


def ask_without_password(site: Server, *command: str) -> str:
    """Return the queue server's answer to a client without a password."""
    return site.exec("valkey", "valkey-cli", *command).strip()


def opens(site: Server, url: str) -> bool:
    """Return whether a server accepts the user and password of this address."""
    server = urlsplit(url).hostname or ""
    return site.exec(server, "valkey-cli", "-u", url, "--no-auth-warning", "exists", "1").strip() in {"0", "1"}


def assert_works(site: Server) -> None:
    """Assert that both servers can be used with a password only, and that every task ends."""
    site.wait_until_ready()
    assert not is_superuser(site)
    assert "NOAUTH" in ask_without_password(site, "ping")
    unfinished = "SELECT count(*) FROM operations_taskrun WHERE state <> 'succeeded'"
    wait_until(lambda: int(site.query(unfinished)) <= 1, limit=180, what="every task but the visitor's last has ended")
    assert int(site.query("SELECT count(*) FROM operations_taskrun WHERE state = 'failed'")) == 0


def test_deploy_converts_it(site: Server) -> None:
    """No request is dropped, and queued tasks are run; then no client connects without a password."""
    assert is_superuser(site)
    assert ask_without_password(site, "ping") == "PONG"
    assert ask_without_password(site, "set", "kept", "by the append-only file") == "OK"
    site.exec("web", *SHELL, START)
    succeed(site, "deploy", "--no-backup")
    assert sum(int(site.valkey("valkey", "llen", name)) for name in LISTS) > 0, (
        "nothing waited while the server was replaced"
    )
    assert site.valkey("valkey", "getdel", "kept").strip() == "by the append-only file"
    assert_works(site)


def test_rotation(site: Server, tmp_path: Path) -> None:
    """Killed while the application is being replaced, all services can log in; run again, only the new one works.

    The queue's password; that of the cache is rotated by the same steps.
    """
    old = site.valkey_url("valkey")
    command = (site.directory / "bedplate", "rotate-secret", "valkey_url", "--yes")
    assert interrupt_at(*command, said="[4]", number=signal.SIGKILL, console=tmp_path / "console") == -signal.SIGKILL
    assert opens(site, old)
    assert opens(site, site.valkey_url("valkey"))
    wait_until(
        lambda: "is running" not in run_command(site, "rotate-secret", "valkey_url").stderr,
        limit=240,
        what="the killed step has ended, and the rotation",
    )
    assert site.valkey_url("valkey") != old
    assert not opens(site, old)
    assert opens(site, site.valkey_url("valkey"))
    assert_works(site)


def test_rotation_that_fails(site: Server) -> None:
    """A guessable password is refused. If the application does not start again, the previous one stays."""
    old = site.valkey_url("valkey")
    given = site.directory / "given"
    given.write_text("redis://queue:short@valkey:6379")
    result = run_command(site, "rotate-secret", "valkey_url", "--from", str(given))
    assert "its password is too short: 5 characters, 32 at least" in result.stderr
    with replaced(site.directory / ".env", "WEB_WORKERS=2\n", "WEB_WORKERS=0\n"):
        result = run_command(site, "rotate-secret", "valkey_url")
    assert result.returncode == 1, result.stdout
    assert "The previous valkey_url is in force" in result.stderr
    assert site.valkey_url("valkey") == old
    assert opens(site, old)
    assert_works(site)
