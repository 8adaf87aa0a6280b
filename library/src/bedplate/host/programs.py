"""Run other programs, in the checkout."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from bedplate.host import ROOT
from bedplate.host.configuration.compose_text import parse
from bedplate.host.errors import HostError


def attempt(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command; return its exit status and output.

    It runs in a process group of its own: Ctrl-C on the terminal does not end a query while this program undoes its
    work.
    """
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        process_group=0,
    )


def output(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Return the output of the command. Raise HostError, with its errors, if it fails."""
    result = attempt(command, environment=environment)
    if result.returncode != 0:
        raise failure(command, result.returncode, result.stderr)
    return result.stdout


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, stdout: TextIO | None = None) -> None:
    """Run the command; show its output, on `stdout` if that is given. Raise HostError if it fails."""
    status = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL, stdout=stdout
    ).returncode
    if status != 0:
        raise failure(command, status)


def failure(command: Sequence[str], status: int, errors: str = "") -> HostError:
    """Return the error of a failed command."""
    return HostError(
        f"{' '.join(command)} failed with exit status {status}{'' if errors else ', as said above'}.",
        "Fix that, then run this again.",
        output=errors,
    )


def services() -> Mapping[str, Any]:
    """Return the services of this environment. Raise HostError if Compose cannot read its files."""
    found: Mapping[str, Any] = parse(output(["docker", "compose", "config"])).get("services") or {}
    return found


def run_to_its_end(command: Sequence[str]) -> int:
    """Run a program on this terminal, forward signals to it, wait for its end, and return its exit status.

    Inheritable files of this process, such as the lock, stay open in the program.
    """
    process = subprocess.Popen(command, cwd=ROOT, close_fds=False)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGINT:  # Ctrl-C: the terminal has sent it to both
            process.send_signal(number)

    with ExitStack() as handlers:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if (before := signal.getsignal(number)) is not signal.SIG_IGN:  # nohup
                signal.signal(number, pass_on)
                handlers.callback(signal.signal, number, before)
        status = process.wait()
    return 128 - status if status < 0 else status


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents, accessible only by their owner."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700)
