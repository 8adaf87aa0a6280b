"""Running a command: its output passed on and its end kept, everything it started ended with it."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bedplate.django.cron_runs.processes import session

# Of a command that is told to stop, until it is made to: less than the supervisor waits.
PATIENCE: Final = 30.0
CHUNK: Final = 65_536
KEPT: Final = 16_384  # bytes of output


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a command ended. The exit code is a shell's: 128 + n after signal n."""

    exit_code: int
    output: str
    was_stopped: bool


class Tail:
    """The end of an output of any length."""

    def __init__(self, *, limit: int = KEPT) -> None:
        self._limit = limit
        self._bytes = b""
        self._is_cut = False

    def add(self, more: bytes) -> None:
        """Take more of the output."""
        everything = self._bytes + more
        self._is_cut = self._is_cut or len(everything) > self._limit
        self._bytes = everything[-self._limit :]

    def text(self) -> str:
        """Return the last lines, in a form that PostgreSQL takes."""
        text = self._bytes.decode(errors="replace").replace("\0", "")
        return f"[…]\n{text.partition('\n')[2] or text}" if self._is_cut else text


class Command:
    """A running command, in a session of its own."""

    def __init__(self, command: str) -> None:
        self._tail = Tail()
        self._stopped_at: float | None = None
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        # Killed, this process takes the command along (setpriv): what nobody watches may not run on. Bash becomes the
        # command that it is given; another shell would be told in its place.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", "--", "bash", "-c", command],
            env=os.environ | {"SHELL": "/bin/bash"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        os.close(output)

    def stop(self) -> None:
        """Ask the command, and all that it started, to stop."""
        self._stopped_at = self._stopped_at or time.monotonic()
        self._signal(signal.SIGTERM)

    def wait(self, *, meanwhile: Callable[[], None], every: float) -> Ending:
        """Return how the command ended; until then, call `meanwhile` each `every` seconds."""
        end = os.pidfd_open(self._process.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            selector.register(end, selectors.EVENT_READ)
            called = time.monotonic()
            while end not in (ready := {key.fd for key, _events in selector.select(timeout=1)}):
                if self._output in ready and not self._pass_on():
                    selector.unregister(self._output)
                if time.monotonic() - called >= every:
                    meanwhile()
                    called = time.monotonic()
                self._insist()
        os.close(end)
        return self._ending()

    def _ending(self) -> Ending:
        self._end_what_is_left()
        while self._pass_on():
            pass
        os.close(self._output)
        code = self._process.wait()
        was_stopped = self._stopped_at is not None
        return Ending(exit_code=code if code >= 0 else 128 - code, output=self._tail.text(), was_stopped=was_stopped)

    def _pass_on(self) -> bool:
        """Pass on what there is, to this process's own output; return False if there is nothing more."""
        try:
            more = os.read(self._output, CHUNK)
        except BlockingIOError:
            return False
        self._tail.add(more)
        sys.stdout.buffer.write(more)
        sys.stdout.buffer.flush()
        return bool(more)

    def _insist(self) -> None:
        if self._stopped_at is not None and time.monotonic() - self._stopped_at > PATIENCE:
            self._signal(signal.SIGKILL)

    def _end_what_is_left(self) -> None:
        """End what the command has left behind. More than once: what is about to be killed may start another."""
        for _ in range(100):
            if not session(self._process.pid):
                return
            self._signal(signal.SIGKILL)
            time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        # The command first: once what it waits for has ended, it may be at its own end before it hears of this.
        command = self._process.pid
        for process in (command, *(session(command) - {command})):
            with suppress(ProcessLookupError):
                os.kill(process, number)
