"""Run `./google_storage.sh` in embedded mode as a process without root's capabilities."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from command import environment

LIMIT: Final = 60
# Root may read everything because of capabilities that the containers do not have.
WITHOUT_CAPABILITIES: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


@contextmanager
def start(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Yield the running command, and end it after the block. Its output is one text."""
    with subprocess.Popen(
        [*WITHOUT_CAPABILITIES, sys.executable, "-m", "bedplate.backup", *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def attempt(*arguments: str) -> tuple[int, str]:
    """Return the command's exit status and output."""
    with start(*arguments) as process:
        said, _ = process.communicate(timeout=LIMIT)
    return process.returncode, said
