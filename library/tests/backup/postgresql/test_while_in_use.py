"""Backups and restores of a database that is in use at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from bedplate.backup.stores import StoredObject
from picture import Connection, connect
from project import Project

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]


@contextmanager
def meanwhile(project: Project, work: Callable[[Connection], object]) -> Iterator[list[int]]:
    """Repeat the work in a thread, and reconnect when disconnected. Yield the list of completed repetitions."""
    ended, done = threading.Event(), [0]

    def repeat() -> None:
        while not ended.is_set():
            try:
                with connect(project.configuration.variables) as connection:
                    while not ended.is_set():
                        work(connection)
                        done[0] += 1
            except psycopg.Error:
                ended.wait(0.005)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def shop(project: Project) -> Project:
    """Return a project with orders of two lines each, and enough other data that its backup takes a while."""
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE orders (id bigserial PRIMARY KEY)")
        connection.execute('CREATE TABLE "lines" (id serial, "order" bigint REFERENCES orders)')
        connection.execute("CREATE TABLE bulk AS SELECT n, sha512(n::text::bytea) FROM generate_series(1, 150000) AS n")
        order(connection)
    return project


def order(connection: Connection) -> None:
    """Insert an order and its lines, in one transaction."""
    with connection.transaction():
        connection.execute("INSERT INTO orders DEFAULT VALUES")
        for _ in range(2):
            connection.execute("""INSERT INTO "lines" ("order") VALUES (currval('orders_id_seq'))""")


def test_a_backup_shows_one_moment_of_a_database_that_is_written(shop: Project) -> None:
    with meanwhile(shop, order) as done:
        before = done[0]
        shop.back_up()
        assert done[0] > before + 20  # otherwise the test shows nothing
    shop.restore()
    with connect(shop.configuration.variables) as connection:
        [(orders, lines, used)] = connection.execute(
            """SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM "lines"), nextval('orders_id_seq')"""
        ).fetchall()
    assert orders > before
    assert lines == 2 * orders
    assert used > orders


def test_a_restore_disconnects_who_is_busy(shop: Project) -> None:
    shop.back_up()
    with (
        meanwhile(shop, lambda connection: connection.execute("SELECT count(*) FROM bulk")) as done,
        meanwhile(shop, order),
        connect(shop.configuration.variables) as idle,
    ):
        idle.execute("BEGIN")
        idle.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        shop.restore()
        after = done[0]
        with connect(shop.configuration.variables) as connection:
            assert connection.execute("SELECT count(*) FROM bulk").fetchall() == [(150000,)]
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
    assert done[0] >= after


def test_a_table_that_is_made_meanwhile_is_left_out(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, first = shop.store.upload, threading.Lock()

    def upload_and_make_a_table(name: str, path: Path) -> StoredObject:
        if first.acquire(blocking=False):
            with connect(shop.configuration.variables) as connection:
                connection.execute("CREATE TABLE late (id serial)")
        return upload(name, path)

    monkeypatch.setattr(shop.store, "upload", upload_and_make_a_table)
    shop.back_up()
    shop.restore()
    with connect(shop.configuration.variables) as connection:
        assert connection.execute("SELECT to_regclass('late')").fetchall() == [(None,)]
