"""Isolation of a process that works on a copy of the database: it must not connect elsewhere, or start a program.

All connections through Python's own calls are refused. libpq does not use these: it can reach the copy, and also other
servers (decision 18: docs/adr). psycopg resolves the name of the copy's server in Python, which is allowed.
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
    """The project's code tried to connect while it works on a copy: like an error of the network."""


def refuse_connections(*, database_host: str, project: Path) -> None:
    """Refuse connections and programs until the process ends: an audit hook cannot be removed.

    Errors name the responsible line in the folder `project`.
    """
    hosts = database_host.split(",")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED and not (event == "socket.getaddrinfo" and arguments[0] in hosts):
            _refuse(event, arguments, project)

    def refuse_program(_arguments: Any, programs: tuple[Any, ...], *_: Any) -> Never:
        _refuse("fork_exec", tuple(programs), project)

    sys.addaudithook(refuse)
    # multiprocessing uses it to start a Python that is not isolated, without an audit event.
    _posixsubprocess.fork_exec = refuse_program  # type: ignore[assignment]


def _refuse(event: str, arguments: tuple[Any, ...], project: Path) -> Never:
    target = next((argument for argument in arguments if isinstance(argument, str | bytes | tuple)), "")
    line = _caller(sys._getframe(2), project)  # noqa: SLF001 - the only way to find the caller
    raise IsolationError(
        f"{line} tries to reach {target!r} ({event}), which is not allowed while a copy of the "
        "database is restored, verified or exported. Skip it if settings.ENVIRONMENT.isolated is true."
    )


def _caller(frame: FrameType | None, project: Path) -> str:
    """Return the innermost line of the project's own code in the call stack."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(project) and not set(PACKAGES) & set(path.parts):
            return f"{path.relative_to(project)}:{frame.f_lineno}"
        frame = frame.f_back
    return "A package"
