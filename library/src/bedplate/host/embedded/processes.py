"""Child processes: all are in one process group, which ends with this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bedplate.host.embedded import process_reaper
from bedplate.host.embedded.diagnosis import program_error


@dataclass(frozen=True)
class Group:
    """The process group of all child processes; the process reaper is its leader."""

    leader: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    log: Path

    def start(self, command: Sequence[str | Path], *, folder: Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start the command and return its process; read its output from `stdout`."""
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=self.leader.pid,
        )

    def run(self, command: Sequence[str | Path], *, folder: Path, **variables: str) -> None:
        """Run the command, with its output in the log. Raise HostError if it fails."""
        process = self.start(command, folder=folder, **variables)
        output, _ = process.communicate()
        with self.log.open("ab") as log:
            log.write(output)
        if process.returncode != 0:
            raise program_error(Path(command[0]).name, process.returncode, output.decode(errors="replace"), self.log)

    def run_parallel(self, *actions: Callable[[], None]) -> None:
        """Run all actions in parallel. If one fails, end the commands of the others, too."""
        with ThreadPoolExecutor() as executor:
            try:
                for future in as_completed([executor.submit(action) for action in actions]):
                    future.result()
            except BaseException:
                os.killpg(self.leader.pid, signal.SIGTERM)  # the process reaper ignores it
                raise


@contextmanager
def process_group(environment: Mapping[str, str], *, log: Path, lock: int) -> Iterator[Group]:
    """Yield a group; at the end, kill all of its processes. The lock is held until the last one has ended."""
    log.write_bytes(b"")
    leader = subprocess.Popen(
        [sys.executable, "-I", process_reaper.__file__],
        stdin=subprocess.PIPE,
        process_group=0,
        pass_fds=[lock],
        cwd="/",
    )
    try:
        yield Group(leader, environment, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
