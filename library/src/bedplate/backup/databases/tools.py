"""Run pg_dump and pg_restore: report their progress, and let no process of theirs outlive this one."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from bedplate.backup.errors import BackupError, UnusableBackupError

# Both tools print this for every finished table and index when they work in parallel.
FINISHED: Final = re.compile(r"finished item (\d+) ")
LAST_LINES: Final = 15
# The text of a comment is not shown.
REFUSED: Final = re.compile(r"^Command was: (.{1,150}?)(?: IS '.*|;?)$", re.MULTILINE)
SAID: Final = re.compile(r"pg_(?:dump|restore): (?:error|detail|hint): ")
# A message of the server within one of pg_restore. The lines after it quote rows and statements.
OF_POSTGRESQL: Final = re.compile(
    r"(?:could not execute query|query failed|COPY failed for table \".*?\"|error returned by PQputCopy(?:Data|End)): "
    r"(?:(?:ERROR|FATAL|PANIC):  )?(.*)"
)
# Beginnings of messages about this server, its disk or memory, or the role, not about the backup. A value from the
# backup may come later in the same line ("invalid input syntax for type integer: …"), never first.
OF_THE_SERVER: Final = re.compile(
    r"connection to server |could not (?:connect to|send data to|receive data from) server|no connection to the server"
    r"|could not establish connection|server closed the connection|SSL |terminating |canceling statement due to "
    r"|deadlock detected"
    r"|the database system is |out of (?:shared )?memory|sorry, too many clients|too many connections"
    r"|remaining connection slots|user mapping not found|permission denied|must be (?:owner|superuser)"
    r"|could not (?:extend|write|fork|resize) |a worker process died|could not create worker process|only superuser"
    r"|temporary file size exceeds"
    r"|could not .*: (?:No space left on device|Disk quota exceeded|Read-only file system|Permission denied"
    r"|Too many open files(?: in system)?|Cannot allocate memory|Input/output error)$"
)
# The settings of a database must not stop the work, hinder it, or change the data that it sees.
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

    The server refuses older ones, and may not read the output of newer ones.
    """
    said = subprocess.run(["pg_dump", "--version"], check=True, capture_output=True, text=True).stdout
    here, there = said.split()[2].partition(".")[0], str(server_version // 10000)
    if here != there:
        raise BackupError(
            f"The server is PostgreSQL {there}, pg_dump and pg_restore here are {here}. Both must be of one major "
            "version, which the images in services.yml, web/Dockerfile and library/verifier/Dockerfile name."
        )


def run_tool(command: Sequence[str], *, password: str, finished_item: Callable[[int], None]) -> None:
    """Run pg_dump or pg_restore, and report each finished item. Raise BackupError with its message if it fails."""
    environment = os.environ | {"PGPASSWORD": password, "PGOPTIONS": OPTIONS, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    first, tail = "", deque[str](maxlen=LAST_LINES)
    # If this process is killed, the kernel ends the tool as well.
    wrapped = ["setpriv", "--pdeathsig", "KILL", "--", *command, "--verbose"]
    with subprocess.Popen(wrapped, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:
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
        said = "\n".join(tail) or f"it exited with {process.returncode}, without a message"
        is_about_backup = command[0] == "pg_restore" and first and not is_of_the_server(first)
        raise (UnusableBackupError if is_about_backup else BackupError)(f"{command[0]} failed:\n{said}")


def run_as_far_as_allowed(command: Sequence[str], *, password: str) -> list[str]:
    """Run pg_restore, which goes on after errors. Return the statements that the server refused.

    Raise BackupError if it failed for another reason.
    """
    environment = os.environ | {"PGPASSWORD": password, "PGOPTIONS": OPTIONS, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    wrapped = ["setpriv", "--pdeathsig", "KILL", "--", *command]
    result = subprocess.run(wrapped, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode and "errors ignored on restore" not in result.stderr:
        raise BackupError(f"{command[0]} failed:\n{result.stderr.strip()[-2000:]}")
    return REFUSED.findall(result.stderr)


def is_of_the_server(line: str) -> bool:
    """Return whether pg_restore's first error line is about this server, not about the backup."""
    message = SAID.sub("", line, count=1)
    if quoted := OF_POSTGRESQL.match(message):
        message = quoted[1]
    return OF_THE_SERVER.match(message) is not None
