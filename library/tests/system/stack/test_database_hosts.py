"""POSTGRES_HOST with several servers, a primary and its replica: the one that takes writes is used."""

import subprocess
from collections.abc import Iterator

import pytest
from bedplate.testing.compose import Stack, attempt

from stack.roles import as_superuser
from stack.standby import standby

pytestmark = pytest.mark.stack

# Prints whether the server that is used takes writes, and writes to it.
WRITE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
    print(*cursor.fetchone())
    cursor.execute("CREATE TEMPORARY TABLE written (number int)")
"""


@pytest.fixture(scope="module")
def replica(stack: Stack) -> Iterator[str]:
    """Yield the name of a replica of the stack's database, in its network."""
    name = f"{stack.project}-standby"
    try:
        with standby(name, network=stack.network, primary=f"{stack.project}-postgres-1", host="postgres"):
            yield name
    finally:
        as_superuser(stack, "DROP ROLE IF EXISTS standby")


def write(stack: Stack, hosts: str) -> subprocess.CompletedProcess[str]:
    """Return the result of a program that writes to the database at one of these hosts."""
    program = ("python", "manage.py", "shell", "--no-imports", "--command", WRITE)
    command = ("docker", "compose", "exec", "--no-TTY", f"--env=POSTGRES_HOST={hosts}", "web", *program)
    return attempt(*command, directory=stack.directory)


@pytest.mark.parametrize("hosts", ["{replica},postgres", "postgres,{replica}", "no-such-host,{replica},postgres"])
def test_the_one_that_takes_writes_is_used(stack: Stack, replica: str, hosts: str) -> None:
    """Wherever it is in the list, and when another does not answer."""
    written = write(stack, hosts.format(replica=replica))
    assert (written.stdout.split(), written.returncode) == (["False", "off"], 0), written.stderr


def test_a_replica_alone_is_refused(stack: Stack, replica: str) -> None:
    """Nothing that writes begins on it."""
    refused = write(stack, f"{replica},{replica}")
    assert refused.returncode != 0
    assert "read-only" in refused.stderr
    assert refused.stdout == ""
