"""`python -m bedplate.django.development.debugger manage.py …`, or `… -m MODULE …`: a debugger can attach."""

import logging
import os
import runpy
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

logger = logging.getLogger(__name__)

ADDRESS: Final = ("0.0.0.0", int(os.environ.get("DEBUGGER_LISTENS_ON", "5678")))  # noqa: S104 - published on 127.0.0.1
RELEASE_TIMEOUT: Final = 10.0  # seconds: until the debugger has left the process before a reload


def wait_until_free(*, timeout: float = RELEASE_TIMEOUT) -> bool:
    """Wait until the port is free. Return False if it is not in time."""
    deadline = time.monotonic() + timeout
    while True:
        with suppress(OSError), socket.create_server(ADDRESS):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)


def run(arguments: Sequence[str]) -> None:
    """Run a script, or a module after `-m`, as Python does."""
    is_module = arguments[0] == "-m"
    sys.argv = list(arguments[1:] if is_module else arguments)
    sys.path.insert(0, os.curdir)
    if is_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def main() -> None:
    """Listen for a debugger, and run the program; without a debugger if another process keeps the port."""
    import debugpy  # noqa: PLC0415 - in the images of LOCAL only

    if wait_until_free():
        debugpy.listen(ADDRESS)
    else:
        logger.warning("No debugger can attach: port %d is in use. Disconnect it, and save a file.", ADDRESS[1])
    run(sys.argv[1:])


if __name__ == "__main__":
    main()
