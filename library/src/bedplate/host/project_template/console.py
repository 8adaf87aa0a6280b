"""What the person at the terminal reads, and the exit status."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bedplate.host.embedded.console import explain, unforeseen
from bedplate.host.project_template import HalfDoneError, TemplateError

INTERRUPTED: Final = 130


def say(line: str = "", *, end: str = "\n") -> None:
    """Write a line."""
    try:
        sys.stdout.write(f"{line}{end}")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone; what was begun is finished
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def agreed(question: str) -> bool:
    """Return whether the person at the terminal agrees; without a terminal nobody is asked."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C and the like meanwhile, in this process and in those that it starts: for what takes a moment."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run(command: Callable[[], None]) -> int:
    """Run the command; return its exit status. What it raises is explained."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except TemplateError as error:
        stopped = "Stopped half way" if isinstance(error, HalfDoneError) else "Stopped, nothing was changed"
        to_do = "".join(f"\n  {line}" for line in error.to_do)
        sys.stderr.write(f"\n{stopped}: {error.why}{to_do}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"\nStopped, nothing was changed: {error}.\n")
        return 1
    except Exception as error:  # a mistake of ours is told in one line too
        explain(unforeseen(error))
        return 1
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\nInterrupted, nothing was changed.\n")
        return INTERRUPTED
    return 0
