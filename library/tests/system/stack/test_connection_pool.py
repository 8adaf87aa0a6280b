"""PgBouncer in transaction mode between pages, background tasks and PostgreSQL; commands connect past it."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from bedplate.testing.compose import Stack, attempt, run, wait_until

pytestmark = pytest.mark.stack

DOCKERFILE = """
FROM debian:forky-slim
RUN apt-get update -qq && apt-get install -yqq --no-install-recommends pgbouncer
"""
CONFIGURATION = """
[databases]
* = host=postgres port=5432
[pgbouncer]
listen_addr = *
listen_port = 6432
auth_type = scram-sha-256
auth_file = /srv/users.txt
pool_mode = transaction
default_pool_size = 2
"""
# As a worker process of the web server does it, not a command.
PAGES = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
with connection.cursor() as cursor:
    cursor.execute("SELECT host(inet_client_addr())")
    print("from", cursor.fetchone()[0])
client = Client(headers={"host": "localhost", "x-real-ip": "192.0.2.1"})
print("health", client.get("/health/ready").json()["status"])
client.force_login(get_user_model().objects.filter(is_superuser=True).first())
for path in ("/", "/tasks/", "/documents/", "/operations/"):
    page = client.get(path)
    print(path, page.status_code)
print("rows", len(list(get_user_model().objects.iterator(chunk_size=1))) > 0)
"""
LIMITS = "SELECT host(inet_client_addr()), current_setting('lock_timeout')"
COMMAND = f"from django.db import connection as c; r = c.cursor(); r.execute({LIMITS!r}); print(*r.fetchone())"


@pytest.fixture(scope="module")
def pool(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the name of PgBouncer in the stack's network."""
    name, folder = f"{stack.project}-pool", tmp_path_factory.mktemp("pool")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "pgbouncer.ini").write_text(textwrap.dedent(CONFIGURATION))
    (folder / "users.txt").write_text(f'"app" "{stack.dotenv["POSTGRES_PASSWORD"]}"\n')
    run("docker", "build", "--tag", name, folder, limit=300)
    options = ("--detach", "--rm", "--name", name, "--network", stack.network, "--user", "1000:1000", "--init")
    mounts = [f"--volume={folder / each}:/srv/{each}:ro" for each in ("pgbouncer.ini", "users.txt")]
    for each in ("pgbouncer.ini", "users.txt"):
        Path(folder / each).chmod(0o644)
    run("docker", "run", *options, *mounts, name, "pgbouncer", "/srv/pgbouncer.ini")
    try:
        wait_until(lambda: "process up" in attempt("docker", "logs", name).stderr, limit=30, what="PgBouncer listens")
        yield name
    finally:
        attempt("docker", "rm", "--force", name)
        attempt("docker", "rmi", name)


def address(name: str) -> str:
    """Return the container's address in its only network."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run("docker", "inspect", "--format", template, name).strip()


def test_pages_use_it(stack: Stack, pool: str) -> None:
    """Health checks and the page about operations too, with their time limits."""
    variables = (f"--env=POSTGRES_POOL={pool}:6432", "--env=DJANGO_SETTINGS_MODULE=config.settings")
    shown = stack.compose("exec", "--no-TTY", *variables, "web", "python", "-c", PAGES).splitlines()
    assert shown[0] == f"from {address(pool)}"
    assert shown[1] == "health ok"
    assert shown[2:] == ["/ 200", "/tasks/ 200", "/documents/ 200", "/operations/ 200", "rows True"]


def test_commands_do_not(stack: Stack, pool: str) -> None:
    """Their locks and limits are those of a session, as of a migration during a deploy."""
    variables = (f"--env=POSTGRES_POOL={pool}:6432", "--env=PGOPTIONS=-c lock_timeout=5s")
    command = ("web", "python", "manage.py", "shell", "--no-imports", "--command", COMMAND)
    assert stack.compose("exec", "--no-TTY", *variables, *command).split() == [stack.address("web"), "5s"]
    migrated = stack.compose("exec", "--no-TTY", *variables, "web", "python", "manage.py", "migrate", "--check")
    assert "Error" not in migrated


@pytest.mark.parametrize("value", ["pool", "pool:", ":6432", "postgres://pool:6432"])
def test_an_invalid_address_is_refused(stack: Stack, value: str) -> None:
    """With the name of the variable."""
    command = ("docker", "compose", "exec", "--no-TTY", f"--env=POSTGRES_POOL={value}", "web", "python", "-m")
    refused = attempt(*command, "config.environment", directory=stack.directory)
    assert refused.returncode == 1
    assert "POSTGRES_POOL" in refused.stderr
