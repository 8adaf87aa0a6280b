"""pg_dump and pg_restore, run so that nothing of them outlives this process, and so that they tell how far they are."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from bedplate.backup.errors import BackupError, UnusableBackupError

# Both tools say this of every table and index they are done with, when they work in parallel.
FINISHED: Final = re.compile(r"finished item (\d+) ")
LAST_LINES: Final = 15
# The text of a comment is not shown.
REFUSED: Final = re.compile(r"^Command was: (.{1,150}?)(?: IS '.*|;?)$", re.MULTILINE)
SAID: Final = re.compile(r"pg_(?:dump|restore): (?:error|detail|hint): ")
# A message of the server's, within one of pg_restore: what follows it on other lines quotes rows and statements.
OF_POSTGRESQL: Final = re.compile(
    r"(?:could not execute query|query failed|COPY failed for table \".*?\"|error returned by PQputCopy(?:Data|End)): "
    r"(?:(?:ERROR|FATAL|PANIC):  )?(.*)"
)
# How messages begin when nothing is wrong with the backup, but with this server, its disk or memory, or who is asked.
# A value of the backup's may come later in the same line ("invalid input syntax for type integer: …"), never first.
OF_THE_SERVER: Final = re.compile(
    r"connection to server |could not (?:connect to|send data to|receive data from) server|no connection to the server"
    r"|could not establish connection|server closed the connection|SSL |terminating |canceling statement due to "
    r"|the database system is |out of (?:shared )?memory|sorry, too many clients|too many connections"
    r"|remaining connection slots|user mapping not found|permission denied|must be (?:owner|superuser)"
    r"|could not (?:extend|write|fork|resize) |a worker process died|could not create worker process|only superuser"
    r"|temporary file size exceeds"
    r"|could not .*: (?:No space left on device|Disk quota exceeded|Read-only file system|Permission denied"
    r"|Too many open files(?: in system)?|Cannot allocate memory|Input/output error)$"
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


def require_same_major(server_version: int) -> None:
    """Raise BackupError unless the programs here are of the server's major version.

    Older ones are refused by the server; what newer ones write, it may not read.
    """
    said = subprocess.run(["pg_dump", "--version"], check=True, capture_output=True, text=True).stdout
    here, there = said.split()[2].partition(".")[0], str(server_version // 10000)
    if here != there:
        raise BackupError(
            f"The server is PostgreSQL {there}, pg_dump and pg_restore here are {here}. Both must be of one major "
            "version, which the images in services.yml, web/Dockerfile and library/verifier/Dockerfile name."
        )


def run_tool(command: Sequence[str], *, password: str, finished_item: Callable[[int], None]) -> None:
    """Run pg_dump or pg_restore, hearing of each item it finishes. Raise BackupError with its words if it fails."""
    environment = os.environ | {"PGPASSWORD": password, "PGOPTIONS": OPTIONS, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    first, tail = "", deque[str](maxlen=LAST_LINES)
    # Should this process be killed, the kernel ends the tool as well.
    mortal = ["setpriv", "--pdeathsig", "KILL", "--", *command, "--verbose"]
    with subprocess.Popen(mortal, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            for line in process.stderr:
                if match := FINISHED.search(line):
                    finished_item(int(match[1]))
                if tail or SAID.match(line):
                    tail.append(line.rstrip())
                    first = first or line.rstrip()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = "\n".join(tail) or f"it ended with {process.returncode}, without a word"
        is_verdict = command[0] == "pg_restore" and first and not is_of_the_server(first)
        raise (UnusableBackupError if is_verdict else BackupError)(f"{command[0]} failed:\n{said}")


def run_as_far_as_allowed(command: Sequence[str], *, password: str) -> list[str]:
    """Run pg_restore, and return the statements that the server refused, as it goes on after each.

    Raise BackupError if it ended for another reason.
    """
    environment = os.environ | {"PGPASSWORD": password, "PGOPTIONS": OPTIONS, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    mortal = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    result = subprocess.run(mortal, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode and "errors ignored on restore" not in result.stderr:
        raise BackupError(f"{command[0]} failed:\n{result.stderr.strip()[-2000:]}")
    return REFUSED.findall(result.stderr)


def is_of_the_server(line: str) -> bool:
    """Return whether pg_restore's first line about an error speaks of this server, not of what is restored."""
    message = SAID.sub("", line, count=1)
    if quoted := OF_POSTGRESQL.match(message):
        message = quoted[1]
    return OF_THE_SERVER.match(message) is not None
