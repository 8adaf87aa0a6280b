"""What the person at the terminal reads."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from embedded import EmbeddedError, RefusalError

STEP_WIDTH: Final = 46

_lock = threading.Lock()


def say(line: str = "") -> None:
    """Write a line."""
    _write(sys.stdout, f"{line}\n")


def explain(error: EmbeddedError) -> None:
    """Tell what failed, why, and what to do."""
    output = [*_indented("  | ", error.output.splitlines()), ""] if error.output else []
    to_do = [f"To do:  {error.to_do[0]}", *_indented("        ", error.to_do[1:])]
    _write(sys.stderr, "\n".join(["", *output, f"Why:    {error.why}", *to_do, ""]))


def explain_refusal(error: RefusalError) -> None:
    """Tell why nothing was done, and what to do."""
    _write(sys.stderr, "\n".join([f"\nStopped, nothing was changed: {error.why}", *_indented("  ", error.to_do), ""]))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, then how long it took."""
    _write(sys.stdout, f"{title} {'.' * (STEP_WIDTH - len(title))} ")
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        say(f"{what} after {time.monotonic() - started:.1f} s")
        raise
    say(f"{time.monotonic() - started:.1f} s")


def _indented(indent: str, lines: Iterable[str]) -> list[str]:
    return [f"{indent}{line}" for line in lines]


def _write(stream: TextIO, text: str) -> None:
    # A closed terminal must not keep us from stopping in order.
    with _lock, suppress(OSError):
        stream.write(text)
        stream.flush()
