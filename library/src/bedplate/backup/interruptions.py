"""Ctrl-C and SIGTERM: they stop the work at once, except in steps that must not stop half-way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption(KeyboardInterrupt):
    """Ctrl-C or SIGTERM: the user, or a shutdown, stops this process."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.state = ""
        """A sentence about the data that is live now."""

    @property
    def status(self) -> int:
        """The exit status, as a shell has it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    def __str__(self) -> str:
        return f"Interrupted. {self.state}".rstrip()


class _Handler:
    """Raises an Interruption in the main thread: at once, or when the step that must not stop is done."""

    def __init__(self) -> None:
        self.deferring = False
        self.waiting: int | None = None

    def __call__(self, number: int, _frame: Any) -> None:
        if self.deferring:
            self.waiting = number
        else:
            raise Interruption(number)


_handler: Final = _Handler()


def handle_interruptions() -> None:
    """Turn Ctrl-C and SIGTERM into an Interruption."""
    for number in SIGNALS:
        signal.signal(number, _handler)


@contextmanager
def deferred_interruptions() -> Iterator[None]:
    """Run the block to its end; an interruption meanwhile is raised after it, unless the block failed."""
    _handler.deferring, _handler.waiting = True, None
    try:
        yield
    finally:
        _handler.deferring = False
    if (number := _handler.waiting) is not None:
        _handler.waiting = None
        raise Interruption(number)
