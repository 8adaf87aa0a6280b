"""A worker for the tests' own tasks, and an unavailable database."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import bedplate
import pytest
from bedplate.django.operations.leases import length_of
from bedplate.testing import worker
from bedplate.testing.worker import Worker
from django.conf import settings
from django.db import connection
from kombu import Queue

from applications.operations.tasks import QUEUE

# The Python path of a worker: the library, and the tests' own tasks.
SOURCES = os.pathsep.join([str(Path(bedplate.__file__).parents[1]), str(Path(__file__).parents[2])])


@contextmanager
def database_unavailable() -> Iterator[None]:
    """Make the database refuse every connection."""
    refuse = refused_by_postgresql if connection.vendor == "postgresql" else file_moved
    connection.close()
    with refuse():
        yield


@contextmanager
def refused_by_postgresql() -> Iterator[None]:
    """End all sessions of the database, and refuse new ones."""
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
def file_moved() -> Iterator[None]:
    """Move SQLite's file."""
    path = settings.ENVIRONMENT.data_directory / "database.sqlite3"
    moved = path.rename(path.with_suffix(".moved"))
    path.mkdir()  # otherwise SQLite would create a new one
    try:
        yield
    finally:
        path.rmdir()
        moved.rename(path)


@pytest.fixture(scope="module", name="worker")
def worker_of_our_tasks(shared_database: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Yield a worker of the tests' own tasks that the tests of a module share."""
    with running_worker(shared_database, tmp_path_factory.mktemp("worker")) as running:
        yield running


def running_worker(variables: dict[str, str], folder: Path) -> AbstractContextManager[Worker]:
    """Run a worker of the tests' own tasks."""
    own = {"SHORT_RETRY_DELAYS": "yes", "PYTHONPATH": SOURCES}
    options = ("--queues", QUEUE, "--include", "applications.operations.tasks")
    return worker.running_worker(variables | own, folder, *options, queue=QUEUE)


def empty_queue() -> None:
    """Delete the messages of earlier tests from the queue."""
    worker.empty_queue(QUEUE)


def queue_length() -> int:
    """Return the number of messages in the queue."""
    return length_of(Queue(QUEUE))
