"""What the person at the terminal reads, and the exit status."""

import signal
import sys
from collections.abc import Callable
from typing import Final

from embedded.console import explain, unforeseen

from project_template import TemplateError

INTERRUPTED: Final = 130


def say(line: str = "", *, end: str = "\n") -> None:
    """Write a line."""
    sys.stdout.write(f"{line}{end}")
    sys.stdout.flush()


def agreed(question: str) -> bool:
    """Return whether the person at the terminal agrees; without a terminal nobody is asked."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


def run(command: Callable[[], None]) -> int:
    """Run the command; return its exit status. What it raises is explained."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except TemplateError as error:
        to_do = "".join(f"\n  {line}" for line in error.to_do)
        sys.stderr.write(f"\nStopped, nothing was changed: {error.why}{to_do}\n")
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
