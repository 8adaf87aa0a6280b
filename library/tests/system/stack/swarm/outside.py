"""What is outside of the swarm: PostgreSQL with a replica, Valkey for the queue and for the cache."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bedplate.testing.compose import attempt, run, wait_until

from stack.standby import psql, standby
from stack.swarm.nodes import container

HOSTS: Final = ("a.db.example.com", "b.db.example.com")
QUEUE: Final = "queue.example.com"
CACHE: Final = "cache.example.com"
# A commit is done when the replica has it: nothing is lost when it takes over.
SYNCHRONOUS: Final = ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")


@contextmanager
def beside(project: str, network: str, password: str) -> Iterator[None]:
    """Run PostgreSQL and its replica, and Valkey twice: for the queue, and for the cache."""
    user = "--user=999:999"
    volume = "--tmpfs=/var/lib/postgresql:uid=999,gid=999"
    variables = ("--env=POSTGRES_USER=postgres", f"--env=POSTGRES_PASSWORD={secrets.token_hex(16)}")
    options = (volume, user, *variables, f"--network-alias={HOSTS[0]}")
    valkey = ("valkey-server", "--requirepass", password, "--save", "")
    of_valkey = ("--tmpfs=/data:uid=999,gid=999", user)
    image, of_queue = "valkey/valkey:9", (*valkey, "--appendonly", "yes")
    queue, cache = f"--network-alias={QUEUE}", f"--network-alias={CACHE}"
    with (
        container(f"{project}-a", network, *options, image="postgres:18-trixie"),
        container(f"{project}-queue", network, *of_valkey, queue, image=image, command=of_queue),
        container(f"{project}-cache", network, *of_valkey, cache, image=image, command=valkey),
    ):  # fmt: skip
        primary = f"{project}-a"
        ready = ("docker", "exec", primary, "pg_isready", "--host=127.0.0.1", "--quiet")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what="the database answers")
        psql(primary, f"CREATE ROLE app LOGIN CREATEDB PASSWORD '{password}'", database="postgres")
        psql(primary, "CREATE DATABASE app OWNER app", database="postgres")
        alias = ("--tmpfs=/tmp:uid=999,gid=999,mode=1777", f"--network-alias={HOSTS[1]}")
        with standby(f"{project}-b", *alias, network=network, primary=primary, host=HOSTS[0]):
            for statement in SYNCHRONOUS:
                psql(primary, statement)
            yield


def promote(project: str) -> None:
    """Lose the primary, and let the replica take its place, as a managed server does."""
    run("docker", "kill", f"{project}-a")
    psql(f"{project}-b", "SELECT pg_promote()")
