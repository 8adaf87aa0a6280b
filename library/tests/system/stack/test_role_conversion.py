"""PostgreSQL whose superuser is the application, as installations had it: it is made an owner, whatever it owns."""

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

pytestmark = pytest.mark.stack

KILLS: Final = 5  # template/benchmarks/roles.py makes more


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
    """The application works whenever that was, and a second run completes the conversion."""
    assert kill_and_complete(moment) in {"as before", "as after"}
