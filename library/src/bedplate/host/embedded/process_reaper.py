"""End the process group when the launcher has died, even by `kill -9`: a program, run by path.

All processes of the launcher are in this group. Standard input is a pipe that only the launcher keeps open.
"""

import os
import signal
import sys
import time
from typing import Final

KILL_GRACE_PERIOD: Final = 3  # seconds


def main() -> None:
    """Wait for the end of standard input, then send SIGTERM to the group, and SIGKILL after a grace period."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    time.sleep(KILL_GRACE_PERIOD)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
