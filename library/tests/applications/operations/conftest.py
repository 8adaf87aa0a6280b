"""A real worker beside the tests, on the database and the queue that the tests use."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bedplate
import pytest
from bedplate.django.operations.leases import length_of
from bedplate.django.operations.models import TaskRun
from config.celery import app
from django.conf import settings
from django.db import connection
from kombu import Queue

from applications.operations.tasks import QUEUE

LIMIT = 90
# Where a worker finds the library, and the tests' own tasks.
SOURCES = os.pathsep.join([str(Path(bedplate.__file__).parents[1]), str(Path(__file__).parents[2])])


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process, what it logs, and the file that it touches."""

    process: subprocess.Popen[bytes]
    log: Path
    heartbeat: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return the log's lines; those that are not JSON (Celery's banner) left out."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    @property
    def ready(self) -> bool:
        """Whether the worker takes tasks. Raise if it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        return any(line["event"].endswith(" ready.") for line in self.lines())


def wait_until(condition: Callable[[], object], *, limit: float = LIMIT) -> None:
    """Return once the condition holds; raise if it does not within so many seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {limit} s"
        time.sleep(0.02)


def wait_for(run: TaskRun, *states: str) -> TaskRun:
    """Return the run once it is in one of the states."""
    wait_until(lambda: TaskRun.objects.filter(pk=run.pk, state__in=states).exists())
    run.refresh_from_db()
    return run


@pytest.fixture(scope="module")
def shared_database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Give tests and worker one database; yield the variables by which the worker finds it."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        if connection.vendor == "postgresql":
            yield {"POSTGRES_DB": str(connection.settings_dict["NAME"])}
        else:
            with database_in_file(settings.ENVIRONMENT.data_directory / "database.sqlite3"):
                yield {}


@contextmanager
def database_in_file(path: Path) -> Iterator[None]:
    """Use a copy of the tests' database, which is in the memory of this process, in a file."""
    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    for leftover in path.parent.glob(f"{path.name}*"):  # of a worker that was ended by force: -wal, -shm
        leftover.unlink()
    with closing(sqlite3.connect(path)) as file:
        memory.backup(file)
    connection.connection, connection.settings_dict["NAME"] = None, path
    try:
        yield
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = memory, name


@contextmanager
def database_away() -> Iterator[None]:
    """Have the database refuse every connection."""
    refuse = refused_by_postgresql if connection.vendor == "postgresql" else moved_away
    connection.close()
    with refuse():
        yield


@contextmanager
def refused_by_postgresql() -> Iterator[None]:
    """End all sessions of the database, and take no new ones."""
    name = str(connection.settings_dict["NAME"])
    allow = f"ALTER DATABASE {connection.ops.quote_name(name)} WITH ALLOW_CONNECTIONS"
    parameters = connection.get_connection_params() | {"dbname": "postgres"}
    with closing(connection.get_new_connection(parameters)) as server:
        server.autocommit = True
        server.execute(f"{allow} false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            server.execute(f"{allow} true")


@contextmanager
def moved_away() -> Iterator[None]:
    """Move SQLite's file."""
    path = settings.ENVIRONMENT.data_directory / "database.sqlite3"
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()  # else SQLite would make a new one
    try:
        yield
    finally:
        path.rmdir()
        away.rename(path)


@pytest.fixture(scope="module")
def worker(shared_database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Yield a worker, which the tests of a module share."""
    with running_worker(shared_database, tmp_path_factory.mktemp("worker")) as worker:
        yield worker


@contextmanager
def running_worker(variables: dict[str, str], folder: Path) -> Iterator[Worker]:
    """Yield a worker that is ready, on an empty queue; end it by force."""
    empty_queue()
    log, heartbeat = folder / "log", folder / "heartbeat"
    # fmt: off
    command = [
        sys.executable, "-m", "celery", "--app", "config", "worker", "--concurrency", "1", "--queues", QUEUE,
        "--include", "applications.operations.tasks", "--without-gossip", "--without-mingle",
        "--loglevel", "INFO", "--heartbeat-file", str(heartbeat),
        "--", "worker.soft_shutdown_timeout=1",
    ]
    # fmt: on
    environment = os.environ | variables | {"LOG_FORMAT": "json", "SHORT_PATIENCE": "yes", "PYTHONPATH": SOURCES}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=settings.BASE_DIRECTORY)
    worker = Worker(process=process, log=log, heartbeat=heartbeat)
    try:
        wait_until(lambda: worker.ready)
        os.utime(heartbeat, (0, 0))  # long ago, until the worker touches it again
        yield worker
    finally:
        process.kill()
        process.wait()


def empty_queue() -> None:
    """Forget the tasks that earlier tests left behind."""
    with app.connection_for_write() as broker:
        queue = Queue(QUEUE, channel=broker.default_channel)
        queue.declare()
        queue.purge()


def queue_length() -> int:
    """Return how many tasks wait in the queue."""
    return length_of(Queue(QUEUE))
