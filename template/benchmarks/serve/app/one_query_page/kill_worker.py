"""Kills the server's busiest process, as a kernel short of memory does: `python -m one_query_page.kill_worker`."""

import os
import signal
from pathlib import Path
from typing import Final

PROCESSES: Final = Path("/proc")
USER_TIME: Final = 11  # the field's place after the name, see proc_pid_stat(5)


def processor_time(process: Path) -> int:
    """Return how long the process has run in user mode, in clock ticks."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return int(fields[USER_TIME])


def main() -> None:
    """Kill the process that has worked most; only workers work."""
    others = [process for process in PROCESSES.glob("[0-9]*") if process.name not in {"1", str(os.getpid())}]
    os.kill(int(max(others, key=processor_time).name), signal.SIGKILL)


if __name__ == "__main__":
    main()
