"""The verifier's container: what it reaches, and what becomes of a run when it, its disk or its client fails."""

import json
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from stack.compose import run, wait_until
from stack.laboratory.project import Laboratory, laboratory

pytestmark = pytest.mark.stack

LIMIT: Final = 120
# A disk of its own for the verifier: a server takes 60 MB, the database of the test 100 more.
SMALL_DISK: Final = """
services:
  verifier:
    environment: { RESERVE_MB: 40 }
volumes:
  verifier_data:
    driver: local
    driver_opts: { type: tmpfs, device: tmpfs, o: "size=160m,uid=999,gid=999,mode=700" }
"""
FILL: Final = """
    CREATE TABLE large AS SELECT n, repeat(md5(n::text), 30) AS text FROM generate_series(1, 100000) AS n;
    CREATE TABLE facts (fact integer);
    INSERT INTO facts SELECT generate_series(1, 1000);
"""


@pytest.fixture(scope="module")
def small() -> Iterator[Laboratory]:
    """Return a laboratory whose verifier has a small disk, with a database that does not fit, backed up."""
    with laboratory(override=SMALL_DISK) as found:
        found.run_well(["python", "manage.py", "migrate", "--no-input"])
        found.run_well(["mkdir", "/data/backups"])
        found.query(FILL)
        found.run_well(["python", "-m", "backup_system", "--backup"])
        yield found


def inspected(found: Laboratory) -> dict[str, Any]:
    """Return what Docker tells of the verifier's container."""
    (container,) = json.loads(run("docker", "inspect", found.container("verifier")))
    return dict(container)


def remains(found: Laboratory) -> list[str]:
    """Return what the verifier keeps of a run."""
    listed = ("find", "/var/lib/verifier", "/run/verifier", "-mindepth", "1", "-maxdepth", "1")
    names = run("docker", "exec", found.container("verifier"), *listed).split()
    return sorted({name.rpartition("/")[2] for name in names} - {"requests", "state"})


def kill_amid_a_run(found: Laboratory) -> None:
    """Kill the verifier as soon as it has a server, and start it again."""
    wait_until(lambda: ".s.PGSQL.5432" in remains(found), limit=LIMIT, what="the verifier has a server")
    found.kill("verifier")


def test_the_verifier_reaches_nothing(small: Laboratory) -> None:
    """It has no network but its own loopback, no secret, and mounts of its two volumes alone."""
    container = inspected(small)
    assert container["HostConfig"]["NetworkMode"] == "none"
    assert {mount["Destination"] for mount in container["Mounts"]} == {"/var/lib/verifier", "/run/verifier"}
    interfaces = run("docker", "exec", small.container("verifier"), "ls", "/sys/class/net")
    assert interfaces.split() == ["lo"]
    names = {variable.partition("=")[0] for variable in container["Config"]["Env"]}
    assert not {name for name in names if any(word in name for word in ("PASSWORD", "SECRET", "KEY", "TOKEN"))}


def test_a_drill_that_does_not_fit_ends_above_the_reserve(small: Laboratory) -> None:
    """With one clear line; the live server answers all the while, and nothing stays on the verifier's disk."""
    before = small.query("SELECT sum(fact) FROM facts")
    started = small.query("SELECT pg_postmaster_start_time()")
    ended = small.tool("--verify", "latest", limit=LIMIT)
    assert ended.status == 1
    assert "The verifier's disk had less than 40 MB left, the reserve (BACKUP_DISK_RESERVE_MB)" in ended.output
    assert "Traceback" not in ended.output
    assert small.query("SELECT sum(fact) FROM facts") == before
    assert small.query("SELECT pg_postmaster_start_time()") == started
    wait_until(lambda: remains(small) == [], limit=LIMIT, what="nothing is left of the run")


def test_without_its_container_a_drill_says_how_to_start_it(small: Laboratory) -> None:
    run("docker", "stop", small.container("verifier"))
    ended = small.tool("--verify", "latest", limit=LIMIT)
    run("docker", "start", small.container("verifier"))
    assert ended.status == 1
    assert "The verifier does not run. Start it: docker compose up -d verifier" in ended.output


def test_a_killed_verifier_leaves_nothing_and_the_next_drill_passes(small: Laboratory) -> None:
    """Killed while it restores; started again, it removes what it had made."""
    small.query("DROP TABLE large")
    small.run_well(["python", "-m", "backup_system", "--backup"])
    killing = threading.Thread(target=kill_amid_a_run, args=[small])
    killing.start()
    ended = small.tool("--verify", "latest", limit=LIMIT)
    killing.join()
    assert ended.status == 1
    assert "verifier" in ended.output
    assert "Traceback" not in ended.output
    wait_until(lambda: remains(small) == [], limit=LIMIT, what="nothing is left of the run")
    assert small.tool("--verify", "latest", limit=LIMIT).status == 0
