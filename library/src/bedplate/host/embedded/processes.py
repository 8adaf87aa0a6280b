"""The processes that we start: all in one group, which ends when we do."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bedplate.host.embedded import guard
from bedplate.host.embedded.explanations import failure

type Command = Sequence[str | Path]


@dataclass(frozen=True)
class Group:
    """A process group, led by the guard, that every process we start joins."""

    leader: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    log: Path

    def start(self, command: Command, *, folder: Path, **variables: str) -> subprocess.Popen[bytes]:
        """Return the running command; its output is read from its `stdout`."""
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=self.leader.pid,
        )

    def run(self, command: Command, *, folder: Path, **variables: str) -> None:
        """Return when the command has ended well, its output in the log. Raise EmbeddedError when it has not."""
        process = self.start(command, folder=folder, **variables)
        output, _ = process.communicate()
        with self.log.open("ab") as log:
            log.write(output)
        if process.returncode != 0:
            raise failure(Path(command[0]).name, process.returncode, output.decode(errors="replace"), self.log)

    def run_side_by_side(self, *actions: Callable[[], None]) -> None:
        """Return when all actions have ended well. When one fails, end the commands of the others too."""
        with ThreadPoolExecutor() as executor:
            try:
                for future in as_completed([executor.submit(action) for action in actions]):
                    future.result()
            except BaseException:
                os.killpg(self.leader.pid, signal.SIGTERM)  # the guard, which leads the group, ignores it
                raise


@contextmanager
def process_group(environment: Mapping[str, str], *, log: Path, lock: int) -> Iterator[Group]:
    """Yield a group; end all of its processes at the end. The lock is held until the last of them is gone."""
    log.write_bytes(b"")
    leader = subprocess.Popen(
        [sys.executable, "-I", guard.__file__], stdin=subprocess.PIPE, process_group=0, pass_fds=[lock], cwd="/"
    )
    try:
        yield Group(leader, environment, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
        leader.wait()
