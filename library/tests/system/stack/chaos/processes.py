"""Runner in the chaos stack: runs a command to its end, or kills it on the way, and measures its resources."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.02  # seconds between two readings


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The result of a command. Its memory is the peak of its own process, in bytes."""

    status: int
    killed: bool
    seconds: float
    output: str
    memory: int
    scratch: int
    """The peak size of the watched folders, in bytes."""


@dataclass
class Watch:
    """Measures the resources of a process until it ends."""

    process: subprocess.Popen[bytes]
    scratch: str
    memory: int = 0
    most: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Measure until the process has ended."""
        while not self.ended.wait(INTERVAL):
            self.memory = max(self.memory, peak_memory(self.process.pid))
            if self.scratch:
                self.most = max(self.most, sum(map(folder_size, Path("/").glob(self.scratch))))


def run(  # noqa: PLR0913 - a command has many sides
    command: Sequence[str],
    *,
    variables: Mapping[str, str],
    kill_after: float | None = None,
    whole_group: bool = False,
    scratch: str = "",
    limit: float = 600,
) -> CommandResult:
    """Return the result of the command: it ends by itself, or is killed after `kill_after` s, alone or with children.

    `scratch` is a pattern of folders, from the root, whose size is watched.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd="/app", start_new_session=True,
        )  # fmt: skip
        watch = Watch(process, scratch)
        looking = threading.Thread(target=watch.look)
        looking.start()
        try:
            killed = _wait(process, kill_after, whole_group=whole_group, limit=limit)
        finally:
            seconds = time.monotonic() - started
            watch.ended.set()
            looking.join()
        output.seek(0)
        return CommandResult(
            status=process.returncode,
            killed=killed,
            seconds=seconds,
            output=output.read().decode(errors="replace"),
            memory=watch.memory,
            scratch=watch.most,
        )


def _wait(process: subprocess.Popen[bytes], kill_after: float | None, *, whole_group: bool, limit: float) -> bool:
    try:
        process.wait(limit if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        if whole_group or kill_after is None:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        return True
    return False


def peak_memory(process: int) -> int:
    """Return the peak resident memory of a process, in bytes; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


def folder_size(folder: Path) -> int:
    """Return the size of the files below a folder, in bytes; files may vanish meanwhile."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += Path(parent, name).stat().st_size
            except FileNotFoundError:
                continue
    return size
