"""Running a command: passes its output on, and ends everything that it started."""

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

# Seconds from SIGTERM to SIGKILL when the container stops: shorter than the supervisor waits.
STOP_GRACE_PERIOD: Final = 30.0
KILL_AFTER: Final = "10s"  # from SIGTERM to SIGKILL of a command with a time limit
READ_SIZE: Final = 65_536
KEPT_SIZE: Final = 16_384  # bytes of output


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The result of a command. The exit code is a shell's: 128 + n after signal n."""

    exit_code: int
    output: str
    was_stopped: bool


class Tail:
    """The end of an output of any length."""

    def __init__(self, *, limit: int = KEPT_SIZE) -> None:
        self._limit = limit
        self._bytes = b""
        self._is_cut = False

    def add(self, more: bytes) -> None:
        """Add more of the output."""
        everything = self._bytes + more
        self._is_cut = self._is_cut or len(everything) > self._limit
        self._bytes = everything[-self._limit :]

    def text(self) -> str:
        """Return the last lines as text that PostgreSQL accepts."""
        text = self._bytes.decode(errors="replace").replace("\0", "")
        return f"[…]\n{text.partition('\n')[2] or text}" if self._is_cut else text


def arguments(command: str, *, time_limit: str | None) -> list[str]:
    """Return the program and arguments that run a command, for at most `time_limit` (`6h`) if there is one."""
    # timeout enforces the limit also where this process hangs or is killed, on everything in its process group.
    timeout = ["timeout", f"--kill-after={KILL_AFTER}", time_limit] if time_limit else []
    # setpriv: if this process is killed, the command gets SIGTERM, because it must not run unwatched. bash: it replaces
    # itself by a single command; another shell would stay between, and get the signal instead.
    return ["setpriv", "--pdeathsig=TERM", "--", *timeout, "bash", "-c", command]


class RunningCommand:
    """A running command, in a session of its own."""

    def __init__(self, command: str, *, time_limit: str | None = None) -> None:
        self._tail = Tail()
        self._stopped_at: float | None = None
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        self._process = subprocess.Popen(
            arguments(command, time_limit=time_limit),
            env=os.environ | {"SHELL": "/bin/bash"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        os.close(output)

    def stop(self) -> None:
        """Ask the command, and everything that it started, to stop."""
        self._stopped_at = self._stopped_at or time.monotonic()
        self._signal(signal.SIGTERM)

    def wait(self, *, meanwhile: Callable[[], None], every: float) -> CommandResult:
        """Return how the command ended; until then, call `meanwhile` every `every` seconds."""
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
                self._kill_if_not_stopped()
        os.close(end)
        return self._result()

    def _result(self) -> CommandResult:
        self._kill_remaining()
        while self._pass_on():
            pass
        os.close(self._output)
        code = self._process.wait()
        was_stopped = self._stopped_at is not None
        return CommandResult(
            exit_code=code if code >= 0 else 128 - code, output=self._tail.text(), was_stopped=was_stopped
        )

    def _pass_on(self) -> bool:
        """Copy available output to this process's own output. Return False if there is no more."""
        try:
            more = os.read(self._output, READ_SIZE)
        except BlockingIOError:
            return False
        self._tail.add(more)
        sys.stdout.buffer.write(more)
        sys.stdout.buffer.flush()
        return bool(more)

    def _kill_if_not_stopped(self) -> None:
        if self._stopped_at is not None and time.monotonic() - self._stopped_at > STOP_GRACE_PERIOD:
            self._signal(signal.SIGKILL)

    def _kill_remaining(self) -> None:
        """Kill the processes that the command left behind. Repeat it: one of them may have started another."""
        for _ in range(100):
            if not session(self._process.pid):
                return
            self._signal(signal.SIGKILL)
            time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        # The command first: if what it waits for ended before, it could end without having got the signal.
        command = self._process.pid
        for process in (command, *(session(command) - {command})):
            with suppress(ProcessLookupError):
                os.kill(process, number)
