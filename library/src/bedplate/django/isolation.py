"""Isolation of a process that works on a copy of the database: its code connects nowhere, and starts no program.

libpq, which reaches that copy, does not pass through Python's own calls: these are all refused. So it is not stopped
from reaching another server either (decision 18: docs/adr). psycopg looks the name of that copy's server up in
Python: this one may.
"""

import _posixsubprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final, Never

REFUSED: Final = {
    "os.exec",
    "os.posix_spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.sendmsg",
    "socket.sendto",
    "subprocess.Popen",
}
"""Audit events (https://docs.python.org/3/library/audit_events.html)."""
PACKAGES: Final = ("site-packages", "frontend")


class IsolationError(PermissionError):
    """Code of the project wanted to reach something while it works on a copy. As if there were no network."""


def refuse_connections(*, database_host: str, project: Path) -> None:
    """Refuse them from now on, until the process ends: an audit hook cannot be removed.

    Errors name the line in the folder `project` that led there.
    """

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED and (event, arguments[:1]) != ("socket.getaddrinfo", (database_host,)):
            _explain(event, arguments, project)

    def refuse_program(_arguments: Any, programs: tuple[Any, ...], *_: Any) -> Never:
        _explain("fork_exec", tuple(programs), project)

    sys.addaudithook(refuse)
    # multiprocessing starts a Python by it that is not isolated, and no audit event tells of that.
    _posixsubprocess.fork_exec = refuse_program  # type: ignore[assignment]


def _explain(event: str, arguments: tuple[Any, ...], project: Path) -> Never:
    wanted = next((argument for argument in arguments if isinstance(argument, str | bytes | tuple)), "")
    line = _caller(sys._getframe(2), project)  # noqa: SLF001 - the one way to know who asks
    raise IsolationError(
        f"{line} wants to reach {wanted!r} ({event}), which nothing may while a copy of the "
        "database is restored, verified or exported. Leave it out there: settings.ENVIRONMENT.isolated is true."
    )


def _caller(frame: FrameType | None, project: Path) -> str:
    """Return the innermost line of the project itself that led there."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(project) and not set(PACKAGES) & set(path.parts):
            return f"{path.relative_to(project)}:{frame.f_lineno}"
        frame = frame.f_back
    return "A package"
