"""A pytest plugin: a real worker process on the tests' database, without containers.

Tests use the fixture `worker` and the mark `django_db(transaction=True)`: the worker sees only committed rows.
"""

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

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from kombu import Queue

from bedplate.django.operations.models import TaskRun

LIMIT = 90


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker process, its log, and its heartbeat file."""

    process: subprocess.Popen[bytes]
    log: Path
    heartbeat: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log that are JSON (Celery's banner is not)."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    @property
    def ready(self) -> bool:
        """Whether the worker takes tasks. Fail if it has exited."""
        assert self.process.poll() is None, self.log.read_text()
        return any(line["event"].endswith(" ready.") for line in self.lines())


def wait_until(condition: Callable[[], object], *, limit: float = LIMIT) -> None:
    """Wait until the condition is true; fail after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"the condition is still false after {limit} s"
        time.sleep(0.02)


def wait_for(run: TaskRun, *states: str) -> TaskRun:
    """Wait until the run is in one of the states, and return it."""
    wait_until(lambda: TaskRun.objects.filter(pk=run.pk, state__in=states).exists())
    run.refresh_from_db()
    return run


@pytest.fixture(scope="module")
def shared_database(
    django_db_setup: None,  # noqa: ARG001 - for its side effect
    django_db_blocker: pytest.FixtureRequest,
) -> Iterator[dict[str, str]]:
    """Share one database between tests and worker; yield the environment variables for the worker."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        if connection.vendor == "postgresql":
            yield {"POSTGRES_DB": str(connection.settings_dict["NAME"])}
        else:
            with database_in_file(settings.ENVIRONMENT.data_directory / "database.sqlite3"):
                yield {}


@contextmanager
def database_in_file(path: Path) -> Iterator[None]:
    """Copy the tests' in-memory database to a file, and use the file."""
    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    for leftover in path.parent.glob(f"{path.name}*"):  # of a killed worker: -wal, -shm
        leftover.unlink()
    with closing(sqlite3.connect(path)) as file:
        memory.backup(file)
    connection.connection, connection.settings_dict["NAME"] = None, path
    try:
        yield
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = memory, name


@pytest.fixture(scope="module")
def worker(shared_database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Yield a worker that the tests of a module share."""
    with running_worker(shared_database, tmp_path_factory.mktemp("worker")) as worker:
        yield worker


@contextmanager
def running_worker(variables: dict[str, str], folder: Path, *options: str, queue: str = "") -> Iterator[Worker]:
    """Yield a ready worker on an empty queue (default: the usual one); kill it at the end."""
    empty_queue(queue or current_app.conf.task_default_queue)
    log, heartbeat = folder / "log", folder / "heartbeat"
    command = [
        *(sys.executable, "-m", "celery", "--app", settings.TASKS_APPLICATION, "worker", "--concurrency", "1"),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO", "--heartbeat-file", str(heartbeat), *options),
        *("--", "worker.soft_shutdown_timeout=1"),
    ]
    environment = os.environ | variables | {"LOG_FORMAT": "json"}
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


def empty_queue(name: str) -> None:
    """Delete the messages of earlier tests from the queue."""
    with current_app.connection_for_write() as broker:
        queue = Queue(name, channel=broker.default_channel)
        queue.declare()
        queue.purge()
