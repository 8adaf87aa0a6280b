"""Advisory locks in PostgreSQL, one for each task. PostgreSQL releases a lock when its connection ends."""

from hashlib import blake2b
from typing import Final

from django.db import connection

# PostgreSQL lists the 64-bit number of an advisory lock as two halves. Each lock belongs to one database.
HELD: Final = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lock_number(task: str) -> int:
    """Return the number of a task's lock: a signed 64-bit integer."""
    return int.from_bytes(blake2b(f"cron:{task}".encode(), digest_size=8).digest(), signed=True)


def take_lock(task: str) -> bool:
    """Try to take the task's lock on this process's connection. Return False if another connection holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_number(task)])
        return bool(cursor.fetchone()[0])


def held_locks() -> set[int]:
    """Return the numbers of all locks that are held."""
    with connection.cursor() as cursor:
        cursor.execute(HELD)
        return {number for (number,) in cursor.fetchall()}


def renew_lock(task: str) -> None:
    """Take the lock again if the connection that held it was lost."""
    if connection.is_usable():
        return
    connection.close()
    take_lock(task)
