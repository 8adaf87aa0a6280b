"""A replica of a PostgreSQL server in a container, which follows its primary."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bedplate.testing.compose import attempt, run, wait_until

PSQL: Final = ("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--username=postgres")
ALLOWED: Final = 'echo "host replication standby all scram-sha-256" >>"$PGDATA/pg_hba.conf"'
FOLLOW: Final = """
umask 077
until pg_basebackup --checkpoint=fast --dbname="host={host} user=standby" --pgdata=/tmp/data -R; do sleep 1; done
exec postgres -D /tmp/data -c hot_standby=on
"""


def psql(container: str, sql: str, *, database: str = "app") -> str:
    """Return the answer of the server in this container to its superuser, who logs in by the socket."""
    return run("docker", "exec", container, *PSQL, f"--command={sql}", database).strip()


def is_standby(container: str) -> bool:
    """Return whether the server answers, and follows another."""
    return attempt("docker", "exec", container, *PSQL, "--command=SELECT pg_is_in_recovery()", "app").stdout == "t\n"


@contextmanager
def standby(name: str, *options: str, network: str, primary: str, host: str) -> Iterator[None]:
    """Run a replica, in a container of this name and network, of the server in the container `primary`.

    `host` is the primary's name in the network; `options` are more options of `docker run`.
    """
    password = secrets.token_hex(16)
    psql(primary, f"CREATE ROLE standby REPLICATION LOGIN PASSWORD '{password}'")
    run("docker", "exec", primary, "bash", "-c", ALLOWED)
    psql(primary, "SELECT pg_reload_conf()")
    image = run("docker", "inspect", "--format", "{{.Config.Image}}", primary).strip()
    common = ("--detach", "--name", name, "--network", network, "--user", "postgres", "--init", *options)
    command = ("--entrypoint", "bash", image, "-c", FOLLOW.format(host=host))
    run("docker", "run", *common, "--env", f"PGPASSWORD={password}", *command)
    try:
        wait_until(lambda: is_standby(name), limit=60, what="the replica answers")
        yield
    finally:
        attempt("docker", "rm", "--force", "--volumes", name)
