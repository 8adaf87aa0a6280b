"""Ends its process group once the launcher is gone, even by `kill -9`: a program, run by path.

Everything that the launcher starts is in this group. Standard input is a pipe that only the launcher holds open.
"""

import os
import signal
import sys
import time
from typing import Final

GRACE_SECONDS: Final = 3


def main() -> None:
    """Wait for the end of standard input, then ask the group to stop, then make it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
