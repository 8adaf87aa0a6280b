"""The lock of a task, which one connection to PostgreSQL holds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bedplate.django.cron_runs.locks import held_locks, lock_number, renew_lock, take_lock
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="advisory locks are PostgreSQL's"),
]


@pytest.fixture
def another() -> Iterator[Callable[[str], Any]]:
    """Return a function that runs a query on another connection."""
    other = connection.copy()

    def ask(sql: str) -> Any:
        with other.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    yield ask
    other.close()


def test_a_task_is_locked_by_one_connection(another: Callable[[str], Any]) -> None:
    lock = f"SELECT pg_try_advisory_lock({lock_number('daily')})"
    assert another(lock)
    assert not take_lock("daily")
    assert take_lock("hourly")
    assert {lock_number("daily"), lock_number("hourly")} <= held_locks()
    another("SELECT pg_advisory_unlock_all() IS NULL")
    assert take_lock("daily")


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_taken_again_after_a_lost_connection(another: Callable[[str], Any]) -> None:
    assert take_lock("daily")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    another(f"SELECT pg_terminate_backend({backend}, 5000)")
    assert lock_number("daily") not in held_locks_seen_by(another)
    renew_lock("daily")
    assert lock_number("daily") in held_locks_seen_by(another)


def held_locks_seen_by(another: Callable[[str], Any]) -> Any:
    return another(
        "SELECT coalesce(array_agg((classid::bigint << 32) | objid::bigint), '{}') FROM pg_locks "
        "WHERE locktype = 'advisory'"
    )
