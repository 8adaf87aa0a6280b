"""A time limit for work: a view in a backup may never end."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Never

from bedplate.backup.errors import BackupError


class _TimeIsUp(BaseException):
    """The limit is reached. Like KeyboardInterrupt, `except Exception` does not catch it."""


@contextmanager
def time_limit(minutes: float, *, message: str) -> Iterator[None]:
    """Raise BackupError with the message in the block, in the main thread, after that many minutes."""
    before = signal.signal(signal.SIGALRM, _end)
    started = time.monotonic()
    left, _interval = signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    except _TimeIsUp:
        raise BackupError(message) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # another limit, around this one
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - started)))


def _end(_number: int, _frame: Any) -> Never:
    raise _TimeIsUp
