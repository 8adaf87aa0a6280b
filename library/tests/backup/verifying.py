"""The verifier: commands that use it, as processes, and whether it runs a server."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from bedplate.backup.databases.verifier import SHARED
from project import Project

LIMIT: Final = 60


def start(project: Project, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of the backup system, and return its process."""
    command = [sys.executable, "-m", "bedplate.backup", *arguments]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "BACKUP_URL": project.store.url}
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_at_rest() -> bool:
    """Return whether the verifier runs no server."""
    return not list(SHARED.glob(".s.PGSQL.*"))


def wait_until(condition: Callable[[], object], *, what: str) -> None:
    """Wait until the condition holds; fail when it takes too long."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT} s: {what}"
        time.sleep(0.02)
