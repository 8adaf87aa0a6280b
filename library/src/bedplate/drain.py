"""Run a server behind nginx: told to stop, it serves for some seconds more, in which nginx learns that it leaves.

On several machines, nginx learns it from Docker's DNS only, which it asks every two seconds; open connections that are
not in use end after another one. A request on a connection that just closes cannot be sent again if it writes.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Final

SECONDS: Final = 5


def main(command: Sequence[str], *, seconds: float = SECONDS) -> int:
    """Run the command; pass SIGTERM on after `seconds`. Return its exit status."""
    servers: list[subprocess.Popen[bytes]] = []
    told = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        time.sleep(seconds)
        for server in servers:
            server.terminate()

    signal.signal(signal.SIGTERM, stop)
    server = subprocess.Popen(command)
    servers.append(server)
    if told:  # while it started
        server.terminate()
    status = server.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
