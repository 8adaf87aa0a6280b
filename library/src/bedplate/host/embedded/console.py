"""What the person at the terminal reads."""

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from bedplate.host.embedded import EmbeddedError, RefusalError

STEP_WIDTH: Final = 46
INTERRUPTED: Final = 130

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


def exit_status(command: Callable[[], None], *, interrupted: str) -> int:
    """Run the command; return its exit status. What it raises is explained; after Ctrl-C, `interrupted` is said."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, signal.default_int_handler)
    try:
        command()
    except RefusalError as refusal:
        explain_refusal(refusal)
        return 1
    except EmbeddedError as error:
        explain(error)
        return 1
    except OSError as error:
        explain(EmbeddedError(f"{error}.", "Put that right, then run this again."))
        return 1
    except (KeyboardInterrupt, EOFError):
        say(f"\n{interrupted}")
        return INTERRUPTED
    except Exception as error:  # a mistake of ours is told in one line too
        explain(unforeseen(error))
        return 1
    return 0


def unforeseen(error: Exception) -> EmbeddedError:
    """Return what to tell about an error that is a mistake of ours; its traceback is in a new file."""
    descriptor, log = tempfile.mkstemp(prefix="unforeseen-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        traceback.print_exception(error, file=file)
    why = f"an error that was not foreseen: {type(error).__name__}: {error}".splitlines()[0]
    return EmbeddedError(why, "Run it again; if that does not help, report it.", f"Where it happened: {log}")


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
