"""The steps of a command: one line each on the terminal, their output in a log."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

from bedplate.host import ROOT
from bedplate.host.console import write
from bedplate.host.errors import HostError

DOTS: Final = "." * 46
LINES_SHOWN: Final = 15
REFRESH_INTERVAL: Final = 0.2  # seconds
GROUP_END_TIMEOUT: Final = 60  # seconds for an interrupted step to end


class Interrupted(BaseException):
    """A signal that stops this command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_status(self) -> int:
        """The exit status of a program ended by this signal."""
        return 128 + self.number


class StepError(HostError):
    """A step that failed: its title, its output, and how long it took."""

    def __init__(self, title: str, output: str, seconds: int) -> None:
        super().__init__(title, output=output)
        self.title = title
        self.seconds = seconds


class CommandError(HostError):
    """A program of a step that failed."""


def catch_signals() -> None:
    """Let signals raise Interrupted from here on."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, interrupt)
    signal.signal(signal.SIGPIPE, interrupt)  # `./bedplate deploy | tee`: Ctrl-C ends tee first


def ignore_signals() -> None:
    """Ignore signals from here on, so that the command can clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def confirm() -> None:
    """Ask whether to continue; without a terminal the answer is yes. Exit with 1 if it is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    try:
        answer = input("Continue? [Y/n] ")
    except EOFError:
        answer = "n"
    if answer.strip() and answer.strip()[0] not in "Yy":
        write("Nothing was changed.\n")
        raise SystemExit(1)
    write("\n")


class Steps:
    """Run the steps of a command, one after the other."""

    def __init__(self, log: Path, *, total: int = 0, end_timeout: float = GROUP_END_TIMEOUT) -> None:
        self.log = log
        self.total = total
        self.number = 0
        self.title = ""
        """The step that is running."""
        self._end_timeout = end_timeout

    @contextlib.contextmanager
    def check(self) -> Iterator[None]:
        """Run the first step, which changes nothing and has no log."""
        started = time.monotonic()
        self._begin("Check (nothing is changed yet)")
        yield
        write(f"{time.monotonic() - started:.0f} s\n")

    def start_log(self) -> None:
        """Create an empty, private log."""
        self.log.unlink(missing_ok=True)
        os.close(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Run a step. Raise StepError, with its output, if it fails."""
        started, self.title = time.monotonic(), title
        self._begin(title)
        self.say(f"\n== [{time.strftime('%H:%M:%S')}] {title}")
        start = self.log.stat().st_size if self.log.exists() else 0
        try:
            yield
        except (HostError, OSError, ValueError) as error:
            if not isinstance(error, CommandError):
                self.say(str(error))
                for hint in getattr(error, "hints", ()):
                    self.say(hint)
                self.say(getattr(error, "output", ""))
            seconds = int(time.monotonic() - started)
            raise StepError(title, self.log_since(start), seconds) from error
        write(f"{time.monotonic() - started:.0f} s\n")
        self.title = ""

    def _begin(self, title: str) -> None:
        self.number += 1
        number = f"{self.number}/{self.total}" if self.total else f"{self.number}"
        write(f"[{number}] {title} {DOTS[len(title) :]} ")

    def say(self, *lines: str) -> None:
        """Write lines into the log, unless the disk is full."""
        with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8", errors="surrogateescape") as log:
            log.writelines(f"{line}\n" for line in lines if line)

    def log_since(self, start: int) -> str:
        """Return the log from this byte on."""
        return self.log.read_bytes()[start:].decode(errors="replace") if self.log.exists() else ""

    def _open_log(self) -> BinaryIO:
        """Return the log for the output of a program, or /dev/null if the log cannot be written."""
        try:
            return self.log.open("ab")
        except OSError:
            return Path(os.devnull).open("ab")

    def log_of_last_step(self) -> str:
        """Return the log of the last step."""
        return self.log_since(0).rpartition("\n== [")[2].partition("\n")[2]

    def run(
        self, command: Sequence[str], *, check: bool = True, given: str = "", variables: Mapping[str, str] | None = None
    ) -> int:
        """Run a program, log its output, and return its exit status. With `check`, raise CommandError if it fails.

        `given` is the file of its standard input. The program holds this command's lock, and has its own process group,
        so that an interruption can end all of it.
        """
        with self._open_log() as log, contextlib.ExitStack() as files:
            stdin = files.enter_context(Path(given).open("rb")) if given else subprocess.DEVNULL
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **(variables or {})},
                stdin=stdin,
                stdout=log,
                stderr=log,
                process_group=0,
                close_fds=False,
            )
            try:
                status = self._wait(process)
            except BaseException:
                self._end(process)
                raise
        if check and status != 0:
            raise CommandError(f"{' '.join(command)} failed with exit status {status}.")
        return status

    def output(self, command: Sequence[str]) -> str:
        """Return the output of a program, with its errors in the log. Raise CommandError if it fails."""
        with self._open_log() as log:
            result = subprocess.run(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
                process_group=0,
            )
        if result.returncode != 0:
            raise CommandError(f"{' '.join(command)} failed with exit status {result.returncode}.")
        return result.stdout.decode(errors="replace")

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        """Wait for the process and return its exit status. On a terminal, count the seconds."""
        started = time.monotonic()
        while self.title and sys.stdout.isatty():
            text = f"{time.monotonic() - started:.0f} s"
            write(text)
            try:
                return process.wait(REFRESH_INTERVAL)
            except subprocess.TimeoutExpired:
                pass
            finally:
                write("\b \b" * len(text))
        return process.wait()

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """End the process group, and wait for its other processes, too."""
        deadline = time.monotonic() + self._end_timeout
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self._end_timeout)
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, 0)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.1)


def run(steps: Steps, action: Callable[[contextlib.ExitStack], int], *, hint: str = "") -> int:
    """Run the steps of a command; return the exit status.

    What the action leaves in its stack is called after a failure or an interruption, with signals ignored. `hint` is
    added to the message about an interruption.
    """
    os.environ["LC_ALL"] = "C"  # the output of programs can be recognized
    catch_signals()
    with contextlib.ExitStack() as undo:
        try:
            return action(undo)
        except Interrupted as interruption:
            write(f"\n\nInterrupted{f' during: {steps.title}' if steps.title else ''}.{hint}\n", sys.stderr)
            return interruption.exit_status
        finally:
            ignore_signals()


def report_failure(error: StepError, diagnosis: Sequence[str], log: Path) -> None:
    """Print a failed step: its last lines, the reason, hints, and the path of the log."""
    last = error.output.rstrip("\n").split("\n")[-LINES_SHOWN:]
    lines = [f"failed after {error.seconds} s", "", *(f"  | {line}" for line in last), ""]
    lines += [f"Failed: {error.title}", *diagnosis, "", f"All of its output: {log}"]
    write("".join(f"{line}\n" for line in lines), sys.stderr)
