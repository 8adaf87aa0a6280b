"""POSTGRES_HOST with several servers, a primary and its replica: the one that takes writes is used."""

import secrets
import subprocess
from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Stack, attempt, run, wait_until

from stack.roles import as_superuser

pytestmark = pytest.mark.stack

REPLICATION = 'echo "host replication standby all scram-sha-256" >>"$PGDATA/pg_hba.conf"'
STANDBY = """
umask 077
until pg_basebackup --dbname="host=postgres user=standby" --pgdata=/tmp/data --write-recovery-conf; do sleep 1; done
exec postgres -D /tmp/data -c hot_standby=on
"""
RECOVERING = "SELECT pg_is_in_recovery()"
# Prints whether the server that is used takes writes, and writes to it.
WRITE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
    print(*cursor.fetchone())
    cursor.execute("CREATE TEMPORARY TABLE written (number int)")
"""


@pytest.fixture(scope="module")
def standby(stack: Stack) -> Iterator[str]:
    """Yield the name of a replica of the stack's database, in its network."""
    name, password = f"{stack.project}-standby", secrets.token_hex(16)
    as_superuser(stack, f"CREATE ROLE standby REPLICATION LOGIN PASSWORD '{password}'")
    stack.exec("postgres", "bash", "-c", REPLICATION)
    as_superuser(stack, "SELECT pg_reload_conf()")
    (image,) = set(run("docker", "inspect", "--format", "{{.Config.Image}}", f"{stack.project}-postgres-1").split())
    options = ("--detach", "--rm", "--name", name, "--network", stack.network, "--user", "postgres", "--init")
    run("docker", "run", *options, "--env", f"PGPASSWORD={password}", "--entrypoint", "bash", image, "-c", STANDBY)
    try:
        ask = ("docker", "exec", name, "psql", "--username=postgres", "--tuples-only", f"--command={RECOVERING}", "app")
        wait_until(lambda: attempt(*ask).stdout.strip() == "t", limit=60, what="the replica answers")
        yield name
    finally:
        attempt("docker", "rm", "--force", name)
        as_superuser(stack, "DROP ROLE standby")


def write(stack: Stack, hosts: str) -> subprocess.CompletedProcess[str]:
    """Return the result of a program that writes to the database at one of these hosts."""
    program = ("python", "manage.py", "shell", "--no-imports", "--command", WRITE)
    command = ("docker", "compose", "exec", "--no-TTY", f"--env=POSTGRES_HOST={hosts}", "web", *program)
    return attempt(*command, directory=stack.directory)


@pytest.mark.parametrize("hosts", ["{standby},postgres", "postgres,{standby}", "no-such-host,{standby},postgres"])
def test_the_one_that_takes_writes_is_used(stack: Stack, standby: str, hosts: str) -> None:
    """Wherever it is in the list, and when another does not answer."""
    written = write(stack, hosts.format(standby=standby))
    assert (written.stdout.split(), written.returncode) == (["False", "off"], 0), written.stderr


def test_a_replica_alone_is_refused(stack: Stack, standby: str) -> None:
    """Nothing that writes begins on it."""
    refused = write(stack, f"{standby},{standby}")
    assert refused.returncode != 0
    assert "read-only" in refused.stderr
    assert refused.stdout == ""
