"""PROD on three machines: readings, and outages of what is around them. The last test loses the primary."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest
from bedplate.testing.compose import attempt, run, wait_until
from bedplate.testing.visitor import Visitor

from stack.conftest import Report
from stack.fault_injection import MOUNTED, SHELL
from stack.swarm.site import FOLDER, Site
from stack.test_media import SECRET, publish, upload
from stack.traffic import Traffic

pytestmark = [pytest.mark.stack, pytest.mark.slow]

TASKS: Final = 1000
SETTLED: Final = 95  # seconds after the deploy: longer than the workers' RECONNECTION_PERIOD
LOSE_AFTER: Final = 50  # of their rows
TASKS_FOR_TESTS: Final = (MOUNTED / "tasks_for_tests.py").read_text()
WITH_TASKS: Final = f"RUN cat >users/tasks.py <<'END'\n{TASKS_FOR_TESTS}\nEND\n"
OURS: Final = "FROM operations_taskrun WHERE name LIKE 'users.tasks.%'"
SECONDS: Final = 20  # of each measurement


def test_three_deploys_in_a_row(swarm: Site, report: Report) -> None:
    tags = [swarm.push(tag, {"web": f"{WITH_TASKS}RUN touch {tag}"}) for tag in ("tasks", "next", "last")]
    before = int(swarm.sql("SELECT count(*) FROM operations_taskrun"))
    started = time.monotonic()
    with Traffic(swarm, clients=6, pause=0.01).running() as traffic:
        for tag in tags:
            swarm.deploy("--pull", tag, "--no-backup")
    report(f"3 deploys in {time.monotonic() - started:.0f} s: {traffic.requests} requests, failed: {traffic.failures}")
    assert traffic.failures == []
    assert int(swarm.sql("SELECT count(*) FROM operations_taskrun")) == before + traffic.written


def test_tasks_of_a_machine_without_power(swarm: Site, report: Report) -> None:
    """None is lost, none has its effect twice. The workers have been connected for a while: see `leases`."""
    settled = time.monotonic() + SETTLED
    swarm.machines.execute(swarm.service("web"), "celery", "--app", "config", "purge", "--force")
    swarm.sql("CREATE TABLE written (number integer); ALTER TABLE written OWNER TO app; DELETE FROM operations_taskrun")
    wait_until(lambda: time.monotonic() > settled, limit=SETTLED + 1, what="workers judge each other")
    swarm.start(swarm.service("web"), *SHELL, f"from users.tasks import write_all; write_all({TASKS})")
    wait_until(lambda: count(swarm, OURS) == TASKS, limit=180, what="all tasks are started")
    assert LOSE_AFTER < count(swarm, "FROM written") < TASKS - LOSE_AFTER
    workers = swarm.machines.containers(swarm.service("celery"))
    lost = next(each for each, found in workers.items() if found and each.name not in ("one", swarm.machines.leader))
    lost.kill()
    killed = time.time()
    wait_until(partial(all_ended, swarm), limit=300, what="every task has ended")
    lost.start()
    times = f"max(extract(epoch FROM due)) - {killed}, max(extract(epoch FROM started)) - {killed}"
    again = swarm.sql(f"SELECT count(*), {times} {OURS} AND attempts > 1").split("|")
    rows, different = swarm.sql("SELECT count(*), count(DISTINCT number) FROM written").split("|")
    report(f"{TASKS} tasks, a machine lost: {rows} effects; {again[0]} began again")
    report(f"they were in the queue again after {again[1]} s, and began, before those that waited, after {again[2]} s")
    assert (int(rows), int(different), count(swarm, OURS)) == (TASKS, TASKS, TASKS)
    wait_for_all_nginx(swarm)


def test_three_machines_serve_as_much_as_one(swarm: Site, report: Report) -> None:
    """With the same cores in all: what the way between machines costs."""
    swarm.machines.first.docker("service", "scale", f"{swarm.service('web')}=3", limit=300)
    spread = measured(swarm)
    with drained(swarm, "two", "three"):
        together = measured(swarm)
    swarm.machines.first.docker("service", "update", "--force", "--quiet", swarm.service("web"), limit=300)
    report(
        f"requests in {SECONDS} s through three machines: {spread}, through one: {together}; {spread / together:.2f}"
    )
    assert spread > 0


@pytest.mark.parametrize("name", ["postgres_password", "secret_key", "default_user_password"])
def test_a_secret_of_the_application_is_rotated(swarm: Site, report: Report, name: str) -> None:
    """Under load; users stay logged in."""
    path = f"secrets/{name}"
    before = swarm.bedplate("cat", path).stdout
    started = time.monotonic()
    with Traffic(swarm, clients=2).running() as traffic:
        result = swarm.bedplate("./bedplate", "rotate-secret", name, "--yes", limit=900)
    report(f"{name} rotated in {time.monotonic() - started:.0f} s: {traffic.requests} requests, {traffic.failures}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert swarm.bedplate("cat", path).stdout != before
    assert traffic.failures == []


def test_nginx_is_replaced_under_load(swarm: Site, report: Report) -> None:
    before = swarm.machines.containers(swarm.service("nginx"))
    with Traffic(swarm, clients=3, reconnecting=True).running() as traffic:
        swarm.machines.first.docker("service", "update", "--force", "--quiet", swarm.service("nginx"), limit=300)
    after = swarm.machines.containers(swarm.service("nginx"))
    report(f"each nginx replaced: {traffic.requests} requests, failed: {traffic.failures}")
    assert all(before[machine] != after[machine] for machine in before)
    assert traffic.failures == []


def test_valkey_is_restarted_under_load(swarm: Site, report: Report) -> None:
    """Pages are served, and each task that was taken is done."""
    before = int(swarm.sql("SELECT count(*) FROM operations_taskrun"))
    with Traffic(swarm, clients=3, write_every=1).running() as traffic:
        for name in ("queue", "cache"):
            run("docker", "restart", f"{swarm.project}-{name}")
            seen = traffic.requests
            wait_until(lambda: traffic.requests > seen + 30, limit=90, what="requests are answered")  # noqa: B023
    report(f"Valkey restarted twice: {traffic.requests} requests, failed: {traffic.failures}")
    assert int(swarm.sql("SELECT count(*) FROM operations_taskrun")) >= before + traffic.written
    wait_until(partial(all_ended, swarm), limit=180, what="every task has ended")
    assert swarm.sql("SELECT count(*) FROM operations_taskrun WHERE state <> 'succeeded'") == "0"


def test_uploads_move_into_a_bucket(swarm: Site) -> None:
    """The site is closed on all machines meanwhile; then each machine serves private and public files."""
    visitor = swarm.visitor()
    swarm.make_user("uploads@example.com", password="a-customer's-password")
    assert visitor.log_in("uploads@example.com", "a-customer's-password")
    addresses = [upload(visitor, "earlier.txt"), publish(swarm, "earlier.txt", SECRET)]
    key = json.dumps(swarm.storage.issuer.new_key())
    swarm.machines.first.run("bash", "-ec", f"umask 077; printf %s '{key}' >key.json", folder=FOLDER)
    swarm.follow("./bedplate", "rotate-secret", "media_credentials", "--from", "key.json", "--yes")
    swarm.set_variables(MAINTENANCE="on")
    swarm.deploy("--restart")
    assert statuses(swarm, visitor, "/") == [503] * 3
    swarm.follow("./google_storage.sh", "-b")
    swarm.set_variables(MEDIA_URL=f"{swarm.storage.store.make_bucket()}/site")
    assert "Check the bucket of uploads" in swarm.deploy("--restart")
    swarm.follow("./google_storage.sh", "-r", "latest", "--yes-replace", "prod")
    swarm.set_variables(MAINTENANCE="off")
    swarm.deploy("--restart")
    addresses += [upload(visitor, "later.txt"), publish(swarm, "later.txt", SECRET)]
    fetched = len(swarm.storage.proxy.fetched)
    for address in addresses:
        assert statuses(swarm, visitor, address) == [200] * 3
    assert len(swarm.storage.proxy.fetched) == fetched + 3 * len(addresses)


def statuses(swarm: Site, visitor: Visitor, path: str) -> list[int]:
    """Return how each machine answers this visitor."""
    address, visitor.preamble = visitor.address, "PROXY UNKNOWN\r\n"
    answers = []
    for machine in swarm.machines.all:
        visitor.address = (machine.address, 443)
        answers.append(visitor.ask(path)[0])
    visitor.address, visitor.preamble = address, ""
    return answers


def test_most_managers_are_lost(swarm: Site, report: Report) -> None:
    """The site goes on, and a deploy says that nothing can be changed. When they are back, all goes on."""
    others = swarm.machines.all[1:]
    with Traffic(swarm, clients=2, reconnecting=True).running() as traffic:
        for machine in others:
            machine.kill()
        refused = swarm.bedplate("./bedplate", "deploy", "--restart", "--yes")
        seen = traffic.requests
        wait_until(lambda: traffic.requests > seen + 30, limit=90, what="the site is served")
    started = time.monotonic()
    for machine in others:
        machine.start()
    wait_for_all_nginx(swarm)
    report(f"2 of 3 managers lost: {traffic.requests} requests, failed: {traffic.failures}")
    report(f"the swarm is whole again after {time.monotonic() - started:.0f} s")
    assert (refused.returncode, "most managers of the swarm are away" in refused.stderr) == (1, True), refused.stderr


def test_the_replica_takes_over(swarm: Site, report: Report) -> None:
    """Nothing that was committed is lost; the application finds it by itself."""
    with Traffic(swarm, clients=3, write_every=1, reconnecting=True).running() as traffic:
        wait_until(lambda: traffic.written > 20, limit=60, what="there are writes")
        swarm.lose_primary()
        started, written = time.monotonic(), traffic.written
        wait_until(lambda: traffic.written > written, limit=60, what="the application writes again")
        seconds = time.monotonic() - started
    report(
        f"writes again {seconds:.1f} s after the promotion; {traffic.requests} requests, {len(traffic.failures)} failed"
    )
    assert int(swarm.sql("SELECT count(*) FROM operations_taskrun")) >= traffic.written


def all_ended(swarm: Site) -> bool:
    """Return whether no task is queued or running."""
    return swarm.sql("SELECT count(*) FROM operations_taskrun WHERE state IN ('queued', 'running')") == "0"


def count(swarm: Site, rows: str) -> int:
    """Return the number of these rows."""
    return int(swarm.sql(f"SELECT count(*) {rows}"))


def measured(swarm: Site) -> int:
    """Return the number of requests that are answered in some seconds, after some to warm up."""
    with Traffic(swarm, clients=6, pause=0, write_every=0).running() as traffic:
        wait_until(lambda: traffic.requests > 100, limit=60, what="requests are answered")
        begun, started = traffic.requests, time.monotonic()
        wait_until(lambda: time.monotonic() - started > SECONDS, limit=2 * SECONDS, what="the measurement ends")
        ended = traffic.requests
    assert traffic.failures == []
    return ended - begun


@contextmanager
def drained(swarm: Site, *names: str) -> Iterator[None]:
    """Empty these machines, until the end."""
    for name in names:
        swarm.machines.first.docker("node", "update", "--availability", "drain", name)
    try:
        replicas = json.loads(
            swarm.machines.first.docker("service", "inspect", "--format", "{{json .Spec.Mode}}", swarm.service("web"))
        )["Replicated"]["Replicas"]
        listing = ("docker", "ps", "--quiet", "--filter", "health=healthy", "--filter")
        label = f"label=com.docker.swarm.service.name={swarm.service('web')}"
        first = ("docker", "exec", swarm.machines.first.container)
        wait_until(
            lambda: len(attempt(*first, *listing, label).stdout.split()) == replicas, limit=120, what="web is on one"
        )
        yield
    finally:
        for name in names:
            swarm.machines.first.docker("node", "update", "--availability", "active", name)
        wait_for_all_nginx(swarm)


def wait_for_all_nginx(swarm: Site) -> None:
    """Return once each machine is in the swarm, and serves."""
    wait_until(swarm.is_served_by_all, limit=120, what="each machine serves")
