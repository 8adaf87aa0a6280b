"""Valkey over TLS, as an ACL user and behind Sentinel, as the application uses it: real servers, without the stack."""

import json
import pickle
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.django.broker import use_patched_transports
from bedplate.django.cache import OPTIONS, OptionalCache
from bedplate.environment_values import sentinels
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import clean_environment, wait_until
from celery import Celery
from kombu import Connection
from kombu.exceptions import OperationalError
from redis import Redis

from stack.valkey import LISTS, ValkeyContainer, ValkeyServer, start_failover, valkey_container

pytestmark = pytest.mark.stack

WORKER: Final = (
    *(sys.executable, "-m", "celery", "--app", "stack.broker_application", "worker"),
    *("--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "INFO"),
)
VARIABLES: Final = {
    "PYTHONPATH": ":".join(str(ROOT / folder) for folder in ("library/tests/system", "library/src", "web")),
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "ENVIRONMENT": "local",
    "SECRET_KEY": "only-for-tests-only-for-tests-only",
    "POSTGRES_PASSWORD": "of no server",
}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyContainer]:
    """Return a container for servers; tests send tasks as the application does."""
    use_patched_transports()
    with valkey_container(tmp_path_factory.mktemp("valkey")) as container:
        yield container


@pytest.fixture(scope="module")
def over_tls(container: ValkeyContainer) -> ValkeyServer:
    """Return a server that accepts TLS alone."""
    return container.server(tls=True)


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker: its connections can be cut, its server killed and restarted, its messages counted."""

    url: str
    cut: Callable[[], None]
    kill: Callable[[], None]
    recover: Callable[[], None]
    client: Redis
    options: dict[str, str] = field(default_factory=dict)

    def send(self, folder: Path, name: str) -> None:
        """Send the task of `broker_application`."""
        app = Celery(broker=self.url, set_as_current=False)
        app.conf.broker_transport_options = self.options
        with app.connection_for_write() as connection:
            app.send_task("work", (str(folder), name), connection=connection, ignore_result=True)

    def unacknowledged(self) -> int:
        """Return the number of delivered messages that are not acknowledged."""
        return int(self.client.hlen("unacked"))


@pytest.fixture(params=["redis", "rediss", "sentinel"])
def broker(request: pytest.FixtureRequest, container: ValkeyContainer) -> Broker:
    """Return a broker of each kind."""
    if request.param != "sentinel":
        server = request.getfixturevalue("over_tls") if request.param == "rediss" else container.server()
        return Broker(
            url=server.url, cut=server.cut_connections, kill=server.kill, recover=server.start, client=server.client
        )
    failover = start_failover(container)
    (url,), name = sentinels(failover.url)
    return Broker(
        url=url,
        cut=failover.primary.cut_connections,
        kill=failover.kill_primary,
        recover=failover.wait_until_done,
        client=failover.replica.client,
        options={"master_name": name},
    )


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker that runs one task at a time."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_until(self, condition: Callable[[], object], *, what: str, limit: float = 30) -> None:
        """Return when the condition holds; fail when the worker has ended."""

        def holds() -> object:
            assert self.process.poll() is None, self.log.read_text()
            return condition()

        wait_until(holds, limit=limit, what=what)

    def wait_for_output(self, text: str, *, times: int = 1) -> None:
        """Return when the text is in its log, this number of times."""
        self.wait_until(lambda: self.log.read_text().count(text) >= times, what=f"{text!r} is in its log")


@contextmanager
def running_worker(broker: Broker, folder: Path) -> Iterator[Worker]:
    """Yield a worker that takes the broker's tasks; end it by force."""
    variables = VARIABLES | {"BROKER_URL": broker.url, "BROKER_TRANSPORT_OPTIONS": json.dumps(broker.options)}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            WORKER, stdout=output, stderr=output, env=clean_environment() | variables, cwd=folder
        )
    worker = Worker(process=process, log=log)
    try:
        worker.wait_for_output(" ready.")
        yield worker
    finally:
        process.kill()
        process.wait()


def lines(file: Path) -> list[str]:
    """Return the lines of a file; none if it does not exist."""
    return file.read_text().splitlines() if file.exists() else []


def test_task_outlives_lost_connections_and_is_not_run_twice(broker: Broker, tmp_path: Path) -> None:
    """While a task runs, connections are cut; then Valkey is killed and brought back, or replaced by Sentinel."""

    def kill_and_recover() -> None:
        broker.kill()
        worker.wait_for_output("Cannot connect to")
        broker.recover()

    with running_worker(broker, tmp_path) as worker:
        for interrupt, connections in ((broker.cut, 2), (kill_and_recover, 3)):
            folder = tmp_path / str(connections)
            folder.mkdir()
            broker.send(folder, "first")
            worker.wait_until(lambda: lines(folder / "starts") == ["first"], what="a task runs")  # noqa: B023 - at once
            interrupt()
            worker.wait_for_output("Connected to", times=connections)
            broker.send(folder, "second")
            worker.wait_until(lambda: broker.unacknowledged() == 2, what="the worker has taken another task")
            (folder / "go").touch()
            worker.wait_until(lambda: broker.unacknowledged() == 0, what="all messages are acknowledged")
            assert lines(folder / "starts") == lines(folder / "ends") == ["first", "second"]
        assert [broker.client.llen(name) for name in LISTS] == [0, 0]


def test_certificate_of_a_broker_is_verified(over_tls: ValkeyServer) -> None:
    """Without the authority that has signed it, no address connects: not even one that disables verification."""
    address = over_tls.url.partition("?")[0]
    for url in (address, f"{address}?ssl_cert_reqs=none", f"{address}?ssl_check_hostname=false"):
        with Connection(url) as connection, pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            connection.ensure_connection(max_retries=1, interval_start=0)
    with Connection(f"{over_tls.url}&ssl_check_hostname=false") as connection:
        connection.ensure_connection(max_retries=1)
        parameters = connection.default_channel._connparams()  # type: ignore[attr-defined] # noqa: SLF001
        assert (parameters["ssl_cert_reqs"], parameters["ssl_check_hostname"]) == (ssl.CERT_REQUIRED, True)


class Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_cache_follows_the_primary_that_sentinel_names(container: ValkeyContainer) -> None:
    """While there is none, nothing is found and nothing fails."""
    failover = start_failover(container)
    cache = OptionalCache(failover.url, {"OPTIONS": dict(OPTIONS)})
    cache.set("name", "value")
    assert cache.get("name") == "value"
    failover.kill_primary()
    assert cache.get("name", "nothing") in ("nothing", "value")
    failover.wait_until_done()
    wait_until(lambda: cache.set("name", "new") or cache.get("name") == "new", limit=30, what="the new primary is used")


def test_cache_runs_no_pickle_that_was_written_into_it(over_tls: ValkeyServer, tmp_path: Path) -> None:
    """A pickle that an attacker writes to Valkey counts as a missing value, and may be replaced."""
    cache = OptionalCache(over_tls.url, {"OPTIONS": dict(OPTIONS)})
    cache.set_many({"name": [1.5], "other": 2})
    for value in (pickle.dumps(Attack(tmp_path / "made")), b"[" * 1_000_000, b"\x80garbage"):
        assert over_tls.client.set(cache.make_key("name"), value, xx=True)
        assert cache.get("name", "default") == "default"
        assert "name" not in cache
        assert cache.get_many(["name", "other"]) == {"other": 2}
        assert cache.get_or_set("name", "made again") == "made again"
        assert cache.incr("name") == 1
        assert cache.get("other") == 2, "a value that is no number has switched the cache off"
    assert not (tmp_path / "made").exists()
    cache.set("name", "value")
    assert cache.get("name") == "value"
    assert "name" in cache
    cache.close()
