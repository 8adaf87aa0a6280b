"""A PostgreSQL server of earlier installations, whose superuser is the application, and its conversion."""

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT, unique_slug
from bedplate.testing.compose import attempt, run, wait_until

PROGRAM: Final = ROOT / "library/postgres/roles.sh"
EVERYTHING: Final = Path(__file__).with_name("everything.sql")
PASSWORD: Final = "of-the-application"
SEED: Final = 11
LONGEST: Final = 1.2
"""Seconds until the conversion has ended, and a little more."""
END_SESSIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = 10 AND pid <> pg_backend_pid()"
)
OF_SUPERUSERS: Final = ("function no_change()", "function as_number(text)")
"""Functions that a superuser runs implicitly; no other role may change them."""
# Per kind of object: those made by the application that the superuser owns.
LEFT: Final = """
SELECT pg_describe_object(class, oid, 0) FROM (
  SELECT tableoid, oid FROM pg_class WHERE relowner = 10 AND relkind NOT IN ('i', 'I', 't', 'c')
  UNION ALL SELECT tableoid, oid FROM pg_proc WHERE proowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_type WHERE typowner = 10 AND typelem = 0
  UNION ALL SELECT tableoid, oid FROM pg_namespace WHERE nspowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_operator WHERE oprowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_opclass WHERE opcowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_opfamily WHERE opfowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_collation WHERE collowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_conversion WHERE conowner = 10
  UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata WHERE lomowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_foreign_server WHERE srvowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_ts_dict WHERE dictowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_ts_config WHERE cfgowner = 10
  UNION ALL SELECT tableoid, oid FROM pg_statistic_ext WHERE stxowner = 10
) AS owned (class, oid) WHERE oid >= 16384 AND NOT EXISTS (
  SELECT FROM pg_depend WHERE objid = owned.oid AND classid = class AND objsubid = 0 AND deptype IN ('e', 'i')
)
"""


@dataclass(frozen=True)
class Cluster:
    """A server in a container; its name is no loopback address in its network, so that it asks for passwords there."""

    name: str

    def psql(self, sql: str, *, user: str, database: str = "app", over: str = "") -> str:
        """Return PostgreSQL's answer, by its socket or over a network; also a refusal."""
        variables = (f"--env=PGPASSWORD={PASSWORD}", *([f"--env=PGHOST={self.name}"] if over else []))
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--username={user}", f"--command={sql}")
        result = attempt("docker", "exec", *variables, self.name, "psql", *options, database, limit=600)
        return (result.stdout + result.stderr).strip()

    def application(self, sql: str, *, database: str = "app") -> str:
        """Return PostgreSQL's answer to the application, which logs in over the network."""
        return self.psql(sql, user="app", database=database, over="network")

    def convert(self) -> subprocess.Popen[str]:
        """Start the conversion of the application's role to an owner."""
        command = ["docker", "exec", "--interactive", self.name, "bash", "-s"]
        with PROGRAM.open() as program:
            return subprocess.Popen(command, stdin=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self) -> None:
        """Return when it answers."""
        ready = ("docker", "exec", self.name, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=app")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what="PostgreSQL answers")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Yield a server whose superuser is the application and has created objects of each kind; remove it at the end."""
    made = Cluster(unique_slug())
    variables = ("--env=POSTGRES_USER=app", "--env=POSTGRES_DB=app", f"--env=POSTGRES_PASSWORD={PASSWORD}")
    run("docker", "run", "--detach", "--name", made.name, "--hostname", made.name, *variables, "postgres:18-trixie")
    try:
        made.wait()
        fill = ("psql", "--quiet", "--set=ON_ERROR_STOP=1", "--username=app", "--file=/tmp/everything.sql", "app")
        run("docker", "cp", str(EVERYTHING), f"{made.name}:/tmp/everything.sql")
        run("docker", "exec", made.name, *fill)
        yield made
    finally:
        run("docker", "rm", "--force", "--volumes", made.name)


def finish(cluster: Cluster) -> str:
    """Return the output of the conversion, which must succeed."""
    with cluster.convert() as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def assert_is_owner(cluster: Cluster) -> None:
    """Assert that the application owns its objects, and is no superuser."""
    assert cluster.application("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user") == "f|t"
    assert "permission denied" in cluster.application("COPY (SELECT 1) TO PROGRAM 'true'")
    for database in ("app", "app_previous_1", "of_other", "archive", "template1"):
        left = cluster.application(LEFT, database=database).splitlines()
        assert [what for what in left if what not in OF_SUPERUSERS] == []
    assert cluster.psql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bedplate%'", user="postgres") == "0"


def assert_works(cluster: Cluster) -> None:
    """Assert that the application reads and writes its own data with its password."""
    assert cluster.application("UPDATE things SET name = 'changed' WHERE id = 1; SELECT count(*) FROM shown") == "1000"
    assert cluster.application("SELECT count(*) FROM guarded") == "1"
    assert cluster.application("INSERT INTO shop.lines VALUES (1); SELECT one(1)") == "1"
    assert cluster.application("SELECT count(lo_get(oid)) FROM pg_largeobject_metadata") == "500"
    assert cluster.application("SELECT count(*) FROM earlier", database="app_previous_1") == "0"


def kill_and_complete(moment: int) -> str:
    """Kill the server or the session during the conversion, at a seeded moment; return the application's state then.

    It must work as before or as after, and a second run completes it.
    """
    chance = random.Random(SEED + moment)
    with cluster() as made:
        with made.convert() as process:
            time.sleep(chance.uniform(0, LONGEST))  # the moment
            if chance.random() < 0.5:
                run("docker", "kill", "--signal=KILL", made.name)
            else:
                made.psql(END_SESSIONS, user="app")
            process.communicate(timeout=120)
        run("docker", "start", made.name)
        made.wait()
        before = made.application("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t"
        if not before:
            assert_is_owner(made)
        assert_works(made)
        finish(made)
        assert_is_owner(made)
        assert_works(made)
        return "as before" if before else "as after"
