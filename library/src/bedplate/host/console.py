"""Output on the terminal."""

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

from bedplate.host.errors import HostError

STEP_WIDTH: Final = 46
INTERRUPTED: Final = 130

_lock = threading.Lock()


def say(line: str = "", *, end: str = "\n") -> None:
    """Print a line."""
    write(f"{line}{end}")


def print_error(error: HostError) -> None:
    """Print the output of the failed program, the reason, and hints."""
    output = [*_indented("  | ", error.output.splitlines()), ""] if error.output else []
    if error.heading:
        lines = [f"{error.heading}: {error.reason}", *_indented("  ", error.hints)]
    else:
        hints = [f"To do:  {error.hints[0]}", *_indented("        ", error.hints[1:])] if error.hints else []
        lines = [f"Why:    {error.reason}", *hints]
    write("\n".join(["", *output, *lines, ""]), sys.stderr)


def agreed(question: str) -> bool:
    """Return whether the user agrees; without a terminal the answer is yes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore signals that end a program, here and in started programs: only for short steps."""
    handlers = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def exit_status(command: Callable[[], None], *, interrupted: str) -> int:
    """Run the command; return its exit status. Print errors with hints, and `interrupted` after Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, signal.default_int_handler)
    try:
        command()
    except HostError as error:
        print_error(error)
        return 1
    except OSError as error:
        print_error(HostError(f"{error}.", "Fix that, then run this again."))
        return 1
    except (KeyboardInterrupt, EOFError):
        write(f"\n{interrupted}\n", sys.stderr)
        return INTERRUPTED
    except Exception as error:  # our own bugs are reported in one line, too
        print_error(unexpected_error(error))
        return 1
    return 0


def unexpected_error(error: Exception) -> HostError:
    """Return the message for a bug; write the traceback into a new file."""
    descriptor, log = tempfile.mkstemp(prefix="unexpected-error-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        traceback.print_exception(error, file=file)
    why = f"an unexpected error: {type(error).__name__}: {error}".splitlines()[0]
    return HostError(why, "Run it again; if that does not help, report it.", f"Where it happened: {log}")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title of the step, then its duration."""
    write(f"{title} {'.' * (STEP_WIDTH - len(title))} ")
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


def write(text: str, stream: TextIO | None = None) -> None:
    """Write to standard output, or another stream."""
    stream = stream or sys.stdout
    with _lock:
        try:
            stream.write(text)
            stream.flush()
        except OSError:  # the terminal or the reader of a pipe is gone: the command still finishes
            _discard(stream)
        except BaseException as error:
            if getattr(error, "number", None) == signal.SIGPIPE:  # an Interrupted: the rest of the text has no reader
                _discard(stream)
            raise


def _discard(stream: TextIO) -> None:
    """Discard everything that is written to the stream from now on."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
