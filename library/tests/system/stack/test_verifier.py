"""The verifier's container: its rights, and the end of a run when it, its disk or its client fails."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from bedplate.testing.compose import attempt, run, wait_until

from stack.chaos.project import ChaosStack, chaos_stack

pytestmark = pytest.mark.stack

LIMIT: Final = 120
# Separate disks. The verifier's: a server takes 60 MB, the database of the test 100 more. PostgreSQL's: twice that,
# and as much of write-ahead log; data written between two checks must fit into the reserve.
SMALL_DISKS: Final = """
services:
  cron:
    environment: { BACKUP_DISK_RESERVE_MB: 200 }
    volumes: ["postgres_data:/postgres_disk:ro"] # a second tmpfs would be another disk
  verifier:
    environment: { RESERVE_MB: 40 }
volumes:
  postgres_data:
    driver: local
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=600m,uid=999,gid=999,mode=700" }
  verifier_data:
    driver: local
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=160m,uid=999,gid=999,mode=700" }
"""
FILL: Final = """
    CREATE TABLE large AS SELECT n, repeat(md5(n::text), 30) AS text FROM generate_series(1, 100000) AS n;
    CREATE TABLE facts (fact integer);
    INSERT INTO facts SELECT generate_series(1, 1000);
"""
# A view that is small when it is backed up. Refreshed, it takes more than any disk.
GROWS: Final = """
    CREATE FUNCTION last() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
    CREATE MATERIALIZED VIEW grows AS SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, last()) AS n;
    CREATE OR REPLACE FUNCTION last() RETURNS bigint LANGUAGE sql AS 'SELECT 10000000000';
"""


@pytest.fixture(scope="module")
def small() -> Iterator[ChaosStack]:
    """Return a chaos stack with small disks, and a backed up database that does not fit a second time."""
    with chaos_stack(override=SMALL_DISKS) as found:
        found.run_checked(["python", "manage.py", "migrate", "--no-input"])
        found.query(FILL)
        found.run_checked(["python", "-m", "bedplate.backup", "--backup"])
        yield found


def inspected(found: ChaosStack) -> dict[str, Any]:
    """Return Docker's description of the verifier's container."""
    (container,) = json.loads(run("docker", "inspect", found.container("verifier")))
    return dict(container)


def remains(found: ChaosStack) -> list[str]:
    """Return the verifier's files of a run."""
    listed = ("find", "/var/lib/verifier", "/run/verifier", "-mindepth", "1", "-maxdepth", "1")
    names = run("docker", "exec", found.container("verifier"), *listed).split()
    return sorted({name.rpartition("/")[2] for name in names} - {"requests", "state"})


@contextmanager
def writing_facts(found: ChaosStack) -> Iterator[list[int]]:
    """Write facts continuously, as the site would. Yield a list with their number; fail if one is refused."""
    ended, written, failures = threading.Event(), [0], list[str]()

    def write() -> None:
        psql = ("psql", "--username=app", "--quiet", "--set=ON_ERROR_STOP=1", "--command=INSERT INTO facts VALUES (0)")
        while not ended.is_set():
            result = attempt("docker", "exec", found.container("postgres"), *psql, "app")
            written[0] += result.returncode == 0
            failures.extend([result.stderr] if result.returncode else [])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()
    assert failures == []


def assert_restore_changes_nothing(found: ChaosStack, *, saying: str) -> None:
    """Fail unless a restore ends with these words, PostgreSQL served meanwhile, and nothing is left."""
    before, started = found.query("SELECT sum(fact) FROM facts"), found.query("SELECT pg_postmaster_start_time()")
    with writing_facts(found) as written:
        ended = found.tool("-r", "latest", "--yes", limit=LIMIT)
    assert ended.status == 1
    assert saying in ended.output
    assert "Nothing was replaced." in ended.output
    assert "Traceback" not in ended.output
    assert written[0] > 0
    assert found.query("SELECT pg_postmaster_start_time()") == started
    assert found.query("SELECT sum(fact) FROM facts") == before
    assert found.query("SELECT datname FROM pg_database WHERE datname LIKE 'app\\_%'") == ""
    assert found.run_checked(["ls", "/data/backup_data"]).output.split() == ["installation", "lock", "made.json"]


def kill_during_a_run(found: ChaosStack) -> None:
    """Kill the verifier as soon as it has a server, and start it again."""
    wait_until(lambda: ".s.PGSQL.5432" in remains(found), limit=LIMIT, what="the verifier has a server")
    found.kill("verifier")


def test_the_verifier_reaches_nothing(small: ChaosStack) -> None:
    """It has no network but its own loopback, no secret, and mounts of its two volumes alone."""
    container = inspected(small)
    assert container["HostConfig"]["NetworkMode"] == "none"
    assert {mount["Destination"] for mount in container["Mounts"]} == {"/var/lib/verifier", "/run/verifier"}
    interfaces = run("docker", "exec", small.container("verifier"), "ls", "/sys/class/net")
    assert interfaces.split() == ["lo"]
    names = {variable.partition("=")[0] for variable in container["Config"]["Env"]}
    assert not {name for name in names if any(word in name for word in ("PASSWORD", "SECRET", "KEY", "TOKEN"))}


def test_a_verification_that_does_not_fit_ends_above_the_reserve(small: ChaosStack) -> None:
    """It ends with one clear line; the live server answers meanwhile, and nothing stays on the verifier's disk."""
    before = small.query("SELECT sum(fact) FROM facts")
    started = small.query("SELECT pg_postmaster_start_time()")
    ended = small.tool("--verify", "latest", limit=LIMIT)
    assert ended.status == 1
    assert "The verifier's disk had less than 40 MB left, the reserve (BACKUP_DISK_RESERVE_MB)" in ended.output
    assert "Traceback" not in ended.output
    assert small.query("SELECT sum(fact) FROM facts") == before
    assert small.query("SELECT pg_postmaster_start_time()") == started
    wait_until(lambda: remains(small) == [], limit=LIMIT, what="nothing is left of the run")


def test_a_restore_that_does_not_fit_is_refused(small: ChaosStack) -> None:
    """The disk of the live PostgreSQL really has too little room, and is not changed."""
    assert_restore_changes_nothing(small, saying="The backup needs")


def test_without_its_container_a_verification_says_how_to_start_it(small: ChaosStack) -> None:
    run("docker", "stop", small.container("verifier"))
    ended = small.tool("--verify", "latest", limit=LIMIT)
    run("docker", "start", small.container("verifier"))
    assert ended.status == 1
    assert "The verifier is not running. Start it: docker compose up -d verifier" in ended.output


def test_a_killed_verifier_leaves_nothing_and_the_next_verification_passes(small: ChaosStack) -> None:
    """Killed during a restore, and started again, it removes its files."""
    small.query("DROP TABLE large")
    small.run_checked(["python", "-m", "bedplate.backup", "--backup"])
    killing = threading.Thread(target=kill_during_a_run, args=[small])
    killing.start()
    ended = small.tool("--verify", "latest", limit=LIMIT)
    killing.join()
    assert ended.status == 1
    assert "verifier" in ended.output
    assert "Traceback" not in ended.output
    wait_until(lambda: remains(small) == [], limit=LIMIT, what="nothing is left of the run")
    assert small.tool("--verify", "latest", limit=LIMIT).status == 0


def test_a_restore_that_fills_the_disk_of_postgresql_is_ended(small: ChaosStack) -> None:
    """Its real size shows only during the restore. PostgreSQL does not stop for lack of disk space."""
    small.query("DROP TABLE IF EXISTS large")
    small.query(GROWS)
    small.run_checked(["python", "-m", "bedplate.backup", "--backup"])
    assert_restore_changes_nothing(small, saying="The disk had less than 200 MB left: the work was ended")
