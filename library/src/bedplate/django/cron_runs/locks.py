"""A lock for each task, which PostgreSQL keeps for as long as the process that took it lives."""

from hashlib import blake2b
from typing import Final

from django.db import connection

# An advisory lock of one 64-bit number is listed as its two halves. They belong to one database each.
HELD: Final = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lock_number(task: str) -> int:
    """Return the number of a task's lock: 64 bits, signed."""
    return int.from_bytes(blake2b(f"cron:{task}".encode(), digest_size=8).digest(), signed=True)


def take_lock(task: str) -> bool:
    """Return whether this process's connection now holds the task's lock: if not, another does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_number(task)])
        return bool(cursor.fetchone()[0])


def held_locks() -> set[int]:
    """Return the numbers of the locks that processes hold."""
    with connection.cursor() as cursor:
        cursor.execute(HELD)
        return {number for (number,) in cursor.fetchall()}


def keep_lock(task: str) -> None:
    """Take the lock anew if the connection that held it is lost."""
    if connection.is_usable():
        return
    connection.close()
    take_lock(task)
