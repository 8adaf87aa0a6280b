"""PostgreSQL whose superuser is the application, as installations had it: it is made an owner, whatever it owns."""

import random
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT, unique_slug
from bedplate.testing.compose import attempt, run, wait_until

pytestmark = pytest.mark.stack

PROGRAM: Final = ROOT / "library/postgres/roles.sh"
EVERYTHING: Final = Path(__file__).parent / "superuser/everything.sql"
PASSWORD: Final = "of-the-application"
SEED: Final = 11
KILLS: Final = 6
END_SESSIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = 10 AND pid <> pg_backend_pid()"
)
# Of each kind of thing: those of the superuser that the application had made.
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
    """A server in a container, on whose network its own name is no loopback address: there it asks for passwords."""

    name: str

    def psql(self, sql: str, *, user: str, database: str = "app", over: str = "") -> str:
        """Return what PostgreSQL answers, by its socket or over a network; what it refuses too."""
        variables = (f"--env=PGPASSWORD={PASSWORD}", *([f"--env=PGHOST={self.name}"] if over else []))
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--username={user}", f"--command={sql}")
        result = attempt("docker", "exec", *variables, self.name, "psql", *options, database)
        return (result.stdout + result.stderr).strip()

    def application(self, sql: str, *, database: str = "app") -> str:
        """Return what PostgreSQL answers the application, which logs in over the network."""
        return self.psql(sql, user="app", database=database, over="network")

    def convert(self) -> subprocess.Popen[str]:
        """Begin to make the application's role an owner."""
        command = ["docker", "exec", "--interactive", self.name, "bash", "-s", "--", "app", "app"]
        with PROGRAM.open() as program:
            return subprocess.Popen(command, stdin=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self) -> None:
        """Return when it answers."""
        ready = ("docker", "exec", self.name, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=app")
        wait_until(lambda: attempt(*ready).returncode == 0, limit=60, what="PostgreSQL answers")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Give a server whose superuser is the application and has made everything; at the end nothing of it remains."""
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
    """Return what the conversion said; it must succeed."""
    with cluster.convert() as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def assert_is_owner(cluster: Cluster) -> None:
    """Assert that the application owns all that it made, and is no superuser."""
    assert cluster.application("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user") == "f|t"
    assert "permission denied" in cluster.application("COPY (SELECT 1) TO PROGRAM 'true'")
    for database in ("app", "app_previous_1", "of_other"):
        left = cluster.application(LEFT, database=database).splitlines()
        assert [what for what in left if not re.search("event trigger|no_change", what)] == []
    assert cluster.psql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bedplate%'", user="postgres") == "0"


def assert_works(cluster: Cluster) -> None:
    """Assert that the application reads and writes what is its own, with the password that it has."""
    assert cluster.application("UPDATE things SET name = 'changed' WHERE id = 1; SELECT count(*) FROM shown") == "1000"
    assert cluster.application("SELECT count(*) FROM guarded") == "1"
    assert cluster.application("SELECT count(lo_get(oid)) FROM pg_largeobject_metadata") == "500"
    assert cluster.application("SELECT count(*) FROM earlier", database="app_previous_1") == "0"


@pytest.fixture(scope="module")
def converted() -> Iterator[tuple[Cluster, str]]:
    """Return a server after the conversion, and what that said."""
    with cluster() as made:
        yield made, finish(made)


def test_all_is_the_owners(converted: tuple[Cluster, str]) -> None:
    """What it made, of each kind, in previous databases and others', is its own; what cannot be is named."""
    cluster, said = converted
    assert_is_owner(cluster)
    assert_works(cluster)
    kept = "event trigger no_change, publication all_tables, subscription news"
    assert f"in the database app, these stay with the superuser postgres: {kept}\n" in said
    assert cluster.application("DROP TABLE of_other; SELECT 'gone'") == "gone"
    assert cluster.application("DROP TYPE span; DROP TYPE colour; SELECT 'gone'") == "gone"


def test_settings_stay(converted: tuple[Cluster, str]) -> None:
    """Those of the role, some of which only a superuser may set; limits, default rights, logins to other servers."""
    cluster, _ = converted
    assert cluster.application("SHOW work_mem") == "7MB"
    assert cluster.application("SHOW log_min_duration_statement") == "1234ms"
    assert cluster.application("SHOW search_path") == 'public, "odd ""schema"'
    limits = "SELECT rolconnlimit, rolvaliduntil = '2050-01-01 00:00:00+00' FROM pg_roles WHERE rolname = 'app'"
    assert cluster.application(limits) == "90|t"
    made = "CREATE TABLE made (id int); SELECT has_table_privilege('reader', 'made', 'SELECT')"
    assert cluster.application(made) == "t"
    made = "CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
    assert cluster.application(made + "SELECT has_function_privilege('reader', 'made()', 'EXECUTE')") == "f"
    mapping = "SELECT umoptions FROM pg_user_mappings WHERE usename = current_user"
    assert cluster.application(mapping) == '{user=it\'s,"password=with space"}'


def test_others_have_no_more_than_the_application_has(converted: tuple[Cluster, str]) -> None:
    """Who could become the application still can, and not the superuser; the application can become whom it could."""
    cluster, _ = converted
    assert cluster.psql("SELECT pg_has_role('person', 'app', 'USAGE')", user="postgres") == "t"
    assert cluster.psql("SELECT pg_has_role('person', 'postgres', 'MEMBER')", user="postgres") == "f"
    assert cluster.psql("SELECT pg_has_role('both_ways', 'postgres', 'MEMBER')", user="postgres") == "f"
    assert cluster.application("SELECT pg_has_role('team', 'USAGE')") == "t"


def test_superuser_has_the_socket_alone(converted: tuple[Cluster, str]) -> None:
    """Not even the password that it had lets it in over a network."""
    cluster, _ = converted
    assert cluster.psql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", user="postgres") == "t"
    assert "password authentication failed" in cluster.psql("SELECT 1", user="postgres", over="network")


def test_new_databases_have_what_only_a_superuser_may_create(converted: tuple[Cluster, str]) -> None:
    """As a restore needs it: extensions that are not trusted come from the template."""
    cluster, _ = converted
    assert cluster.application("CREATE DATABASE restored") == ""
    found = cluster.application(
        "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension", database="restored"
    )
    assert found == "file_fdw plpgsql postgres_fdw"


def test_release_before_backs_up(converted: tuple[Cluster, str]) -> None:
    """It reads large objects in the catalog, as its backups did when the application was the superuser."""
    cluster, _ = converted
    assert cluster.application("SELECT count(*) > 0 FROM pg_largeobject") == "t"
    dump = ("pg_dump", "--host", cluster.name, "--username=app", "--format=custom", "--file=/tmp/dump", "app")
    run("docker", "exec", f"--env=PGPASSWORD={PASSWORD}", cluster.name, *dump)


def test_again_it_does_nothing(converted: tuple[Cluster, str]) -> None:
    """A superuser's things, made by hand afterwards, stay the superuser's."""
    cluster, _ = converted
    cluster.psql("CREATE TABLE by_hand (id int)", user="postgres")
    assert finish(cluster) == ""
    assert "permission denied" in cluster.application("SELECT * FROM by_hand")


def test_refused_where_a_superuser_could_not_get_in() -> None:
    """Nothing is changed where another role has the name, or the socket asks for a password; it says what to do."""
    with cluster() as made:
        made.psql("CREATE ROLE postgres", user="app")
        assert "there is another role named postgres. Rename that one" in refusal(made)
        made.psql("DROP ROLE postgres", user="app")
        hba = 'sed -i "s/^local  *all .*/local all app trust/" "$PGDATA"/pg_hba.conf'
        run("docker", "exec", made.name, "sh", "-c", hba)
        made.psql("SELECT pg_reload_conf()", user="app")
        wait_until(lambda: "pg_hba.conf has no line" in refusal(made), limit=30, what="the file is read")
        assert made.application("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t"
        assert_works(made)


def refusal(cluster: Cluster) -> str:
    """Return why the conversion refuses."""
    with cluster.convert() as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert said.startswith("Note: PostgreSQL's role app stays a superuser, as before: ")
    return said


@pytest.mark.parametrize("moment", range(KILLS))
def test_killed_it_is_as_before_or_as_after(moment: int) -> None:
    """The server or the session is killed at a seeded moment: the application works, and a second run completes it."""
    chance = random.Random(SEED + moment)
    with cluster() as made:
        with made.convert() as process:
            time.sleep(chance.uniform(0, 1.5))  # the moment
            if chance.random() < 0.5:
                run("docker", "kill", "--signal=KILL", made.name)
            else:
                made.psql(END_SESSIONS, user="app")
            process.communicate(timeout=120)
        run("docker", "start", made.name)
        made.wait()
        if made.application("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "f":
            assert_is_owner(made)
        assert_works(made)
        finish(made)
        assert_is_owner(made)
        assert_works(made)
