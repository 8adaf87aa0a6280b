"""PostgreSQL of earlier installations, whose superuser is the application: the conversion makes it an owner."""

import subprocess
from collections.abc import Iterator
from typing import Final

import pytest
from bedplate.testing.compose import run, wait_until

from stack.superuser.cluster import (
    PASSWORD,
    Cluster,
    assert_is_owner,
    assert_works,
    cluster,
    finish,
    kill_and_complete,
)

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DONE: Final = (
    "PostgreSQL: app owns its databases and is no superuser any more; "
    "the superuser is postgres, by the socket in its container.\n"
)
KILLS: Final = 5  # template/benchmarks/roles.py makes more


@pytest.fixture(scope="module")
def converted() -> Iterator[tuple[Cluster, str]]:
    """Return a server after the conversion, and the conversion's output."""
    with cluster() as made:
        yield made, finish(made)


def test_all_objects_belong_to_the_owner(converted: tuple[Cluster, str]) -> None:
    """Its objects of each kind, in previous databases and others' too, are its own; exceptions are named."""
    cluster, said = converted
    assert_is_owner(cluster)
    assert_works(cluster)
    kept = (
        "event trigger no_change, function public.no_change(), function public.as_number(text), "
        "publication all_tables, subscription news, rights of the role chain, rights of the role ops"
    )
    assert f"in the database app, these stay with the superuser postgres: {kept}\n" in said
    assert "in the database app, reading these tables still runs a program on the server: public.runs\n" in said
    assert said.endswith("these roles are superusers, too: chief\n" + DONE)
    assert cluster.application("DROP TABLE of_other; SELECT 'gone'") == "gone"
    assert cluster.application("DROP TYPE span; DROP TYPE color; SELECT 'gone'") == "gone"


def test_settings_stay(converted: tuple[Cluster, str]) -> None:
    """Settings of the role, some of which only a superuser may set; limits, default rights, logins to other servers."""
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
    mapping = "SELECT umoptions FROM pg_user_mappings WHERE usename = current_user ORDER BY srvname"
    assert cluster.application(mapping).splitlines() == ['{user=it\'s,"password=with space"}', "{user=postgres}"]


def test_other_roles_gain_no_rights(converted: tuple[Cluster, str]) -> None:
    """Roles that could become the application still can, with the same rights, and cannot become the superuser."""
    cluster, _ = converted
    for name in ("person", "both_ways"):
        assert cluster.psql(f"SELECT pg_has_role('{name}', 'app', 'USAGE')", user="postgres") == "t"
        assert cluster.psql(f"SELECT has_table_privilege('{name}', 'of_both', 'DELETE')", user="postgres") == "t"
    assert cluster.psql("SELECT pg_has_role('limited', 'app', 'SET')", user="postgres") == "f"
    members = "SELECT count(*) FROM pg_roles WHERE NOT rolsuper AND pg_has_role(oid, 'postgres', 'MEMBER')"
    assert cluster.psql(members, user="postgres") == "0"


def test_application_keeps_no_role_with_a_way_to_a_superuser(converted: tuple[Cluster, str]) -> None:
    """It keeps those of its roles that can neither run programs nor read the server's files."""
    cluster, _ = converted
    for name in ("team", "other_owner", "pg_monitor"):
        assert cluster.application(f"SELECT pg_has_role('{name}', 'USAGE')") == "t"
    for name in ("ops", "chain", "chief", "postgres", "pg_read_server_files", "pg_execute_server_program"):
        assert cluster.application(f"SELECT pg_has_role('{name}', 'MEMBER')") == "f"


def test_functions_that_a_superuser_runs_stay_the_superusers(converted: tuple[Cluster, str]) -> None:
    """Functions of event triggers and casts; the template of databases, whatever a database is called."""
    cluster, _ = converted
    for name in ("no_change() RETURNS event_trigger", "as_number(text) RETURNS int"):
        replace = f"CREATE OR REPLACE FUNCTION {name} LANGUAGE plpgsql AS 'BEGIN END'"
        assert "must be owner of function" in cluster.application(replace)
    assert "must be owner of database" in cluster.application("ALTER DATABASE template1 RENAME TO taken")
    for name in ("dbname=template1", "with\na line", "closed", "archive"):
        assert cluster.application(f'DROP DATABASE "{name}"') == ""


def test_superuser_has_the_socket_alone(converted: tuple[Cluster, str]) -> None:
    """Not even its former password works over a network."""
    cluster, _ = converted
    assert cluster.psql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", user="postgres") == "t"
    assert "password authentication failed" in cluster.psql("SELECT 1", user="postgres", over="network")


def test_new_databases_have_extensions_that_need_a_superuser(converted: tuple[Cluster, str]) -> None:
    """A restore needs them: extensions that are not trusted come from the template."""
    cluster, _ = converted
    assert cluster.application("CREATE DATABASE restored") == ""
    found = cluster.application(
        "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension", database="restored"
    )
    assert found == "file_fdw plpgsql postgres_fdw"


def test_dump_is_restored_by_the_owner(converted: tuple[Cluster, str]) -> None:
    """It has no grants on PostgreSQL's own tables, which only a superuser could restore."""
    cluster, _ = converted
    login = ("docker", "exec", f"--env=PGPASSWORD={PASSWORD}", f"--env=PGHOST={cluster.name}", "--env=PGUSER=app")
    cluster.application("CREATE DATABASE once_more TEMPLATE template0")
    again = "pg_dump --format=custom app_previous_1 | pg_restore --exit-on-error --dbname=once_more"
    run(*login, cluster.name, "bash", "-o", "pipefail", "-c", again)
    listed = run(*login, cluster.name, "sh", "-c", "pg_dump app | grep -c pg_largeobject || true")
    assert listed.strip() == "0"


def test_second_conversion_changes_nothing(converted: tuple[Cluster, str]) -> None:
    """Objects that a superuser made by hand afterwards stay the superuser's."""
    cluster, _ = converted
    cluster.psql("CREATE TABLE by_hand (id int)", user="postgres")
    assert finish(cluster) == ""
    assert "permission denied" in cluster.application("SELECT * FROM by_hand")


def test_refused_where_a_superuser_could_not_get_in() -> None:
    """Nothing is changed if another role has the name, or the socket asks for a password; it says what to do."""
    with cluster() as made:
        made.psql("CREATE ROLE postgres", user="app")
        assert "there is another role named postgres. Rename that one" in refusal(made)
        made.psql("DROP ROLE postgres", user="app")
        made.psql("CREATE ROLE bedplate_next_owner; GRANT bedplate_next_owner TO person", user="app")
        assert "a role named bedplate_next_owner was made by others" in refusal(made)
        made.psql("DROP ROLE bedplate_next_owner", user="app")
        hba = 'sed -i "s/^local  *all .*/local all app trust/" "$PGDATA"/pg_hba.conf'
        run("docker", "exec", made.name, "sh", "-c", hba)
        made.psql("SELECT pg_reload_conf()", user="app")
        wait_until(lambda: "pg_hba.conf has no line" in refusal(made), limit=30, what="the file is read")
        assert made.application("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t"
        assert_works(made)


def test_refused_in_the_middle_all_works_as_before() -> None:
    """A long transaction holds a table: rules, checks and functions that run as their owner still work."""
    with cluster() as made:
        hold = "BEGIN; LOCK TABLE things; SELECT pg_sleep(600)"
        with subprocess.Popen(
            ["docker", "exec", made.name, "psql", "--username=app", f"--command={hold}", "app"]
        ) as held:
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'"
            wait_until(lambda: made.psql(sleeping, user="app") == "1", limit=30, what="the table is held")
            assert "could be given to another owner" in refusal(made)
            assert made.application("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "t"
            made.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%(600)'", user="app")
            held.wait(timeout=60)
        assert_works(made)
        finish(made)
        assert_is_owner(made)
        assert_works(made)


def test_passwords_of_earlier_versions_stay() -> None:
    """Renaming a role loses their hash: it is read before."""
    with cluster() as made:
        made.psql("SET password_encryption = md5; ALTER ROLE app PASSWORD 'of-the-application'", user="app")
        before = made.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'", user="app")
        finish(made)
        assert before.startswith("md5")
        assert made.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'", user="postgres") == before


def refusal(cluster: Cluster) -> str:
    """Return the conversion's reason for refusing."""
    with cluster.convert() as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "Note: PostgreSQL's role app may still be a superuser: " in said
    return said


@pytest.mark.parametrize("moment", range(KILLS))
def test_killed_conversion_leaves_a_working_application(moment: int) -> None:
    """The application works at any moment, and a second run completes the conversion."""
    assert kill_and_complete(moment) in {"as before", "as after"}
