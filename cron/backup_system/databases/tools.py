"""pg_dump and pg_restore, run so that nothing of them outlives this process, and so that they tell how far they are."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from backup_system.errors import BackupError, UnusableBackupError

# Both tools say this of every table and index they are done with, when they work in parallel.
FINISHED: Final = re.compile(r"finished item (\d+) ")
LAST_LINES: Final = 15
# What pg_restore fails of though nothing is wrong with the backup: this server, its disk or memory, or who is asked.
OF_THE_SERVER: Final = re.compile(
    r"No space left|could not (?:extend|write|connect|open|fork)|connection (?:to|was|not)|server closed|terminating|"
    r"shutting down|starting up|recovery mode|out of (?:shared )?memory|too many (?:connections|clients)|"
    r"permission denied|must be (?:owner|superuser)|Disk quota|Read-only file system"
)
# What the settings of a database say must not end the work, hinder it, or change what it sees.
OPTIONS: Final = " ".join(
    f"-c {setting}"
    for setting in (
        "statement_timeout=0",
        "lock_timeout=0",
        "transaction_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "default_transaction_read_only=off",
        "search_path=pg_catalog",
    )
)


def run_tool(command: Sequence[str], *, password: str, finished_item: Callable[[int], None]) -> None:
    """Run pg_dump or pg_restore, hearing of each item it finishes. Raise BackupError with its words if it fails."""
    environment = os.environ | {"PGPASSWORD": password, "PGOPTIONS": OPTIONS, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    tail: deque[str] = deque(maxlen=LAST_LINES)
    # Should this process be killed, the kernel ends the tool as well.
    mortal = ["setpriv", "--pdeathsig", "KILL", "--", *command, "--verbose"]
    with subprocess.Popen(mortal, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            for line in process.stderr:
                if match := FINISHED.search(line):
                    finished_item(int(match[1]))
                if "error:" in line or "detail:" in line or "hint:" in line or tail:
                    tail.append(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = "\n".join(tail) or f"it ended with {process.returncode}, without a word"
        kind = BackupError if command[0] == "pg_dump" or not tail or OF_THE_SERVER.search(said) else UnusableBackupError
        raise kind(f"{command[0]} failed:\n{said}")
