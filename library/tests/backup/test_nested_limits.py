"""A time limit within another one, like that of the test itself."""

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.time_limit import time_limit


@pytest.fixture
def outer() -> Iterator[list[int]]:
    """Return the signals of a limit of ten seconds that is set already."""
    signals: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        signals.append(number)

    before = signal.signal(signal.SIGALRM, note)
    left, _ = signal.setitimer(signal.ITIMER_REAL, 10)
    yield signals
    signal.setitimer(signal.ITIMER_REAL, left)
    signal.signal(signal.SIGALRM, before)


def test_the_limit_around_it_counts_on(outer: list[int]) -> None:
    with pytest.raises(BackupError, match="too long"), time_limit(0.001, message="too long"):
        threading.Event().wait(10)
    assert 5 < signal.getitimer(signal.ITIMER_REAL)[0] <= 10
    signal.raise_signal(signal.SIGALRM)
    assert outer == [signal.SIGALRM]


def test_nothing_is_left_of_it_without_another() -> None:
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        with time_limit(10, message="too long"):
            pass
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
