"""The N+1 guard: a test fails if a request repeats a query for each row, with the line that does so."""

import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from sys import _getframe
from types import FrameType
from typing import Any, Final

from django.core.signals import request_finished, request_started
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.template import base as template

REPEATED: Final = 2
"""Number of runs of one query by one line, with different values, in one request, that counts as N+1."""
PACKAGES: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(Path(__file__).parent))
ALLOWED: Final = ("/allauth/account/internal/flows/reauthentication.py:", "/allauth/usersessions/")
"""Code of packages that repeats a query: for each kind of second factor; for each session that a user ends."""
TEMPLATE: Final = template.Node.render_annotated.__code__


class NPlusOneError(AssertionError):
    """A page runs a query for each row."""


class Guard:
    """Counts the SELECT statements of each request, by their call stack. Threads of a request count too.

    A statement that runs again with the same values is no N+1: it does not grow with the number of rows.
    """

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self._values: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
        self._in_request = False

    def begin_request(self, **_: Any) -> None:
        """Count from zero."""
        self._values.clear()
        self._in_request = True

    def end_request(self, **_: Any) -> None:
        """Stop counting: the queries of the test itself may repeat."""
        self._in_request = False

    def observe(self, *, connection: BaseDatabaseWrapper, **_: Any) -> None:
        """Count the queries of a thread's new connection."""
        if self.count not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.count)

    def count(self, execute: Callable[..., Any], sql: str, parameters: Any, *arguments: Any) -> Any:
        """Run a statement, and count it."""
        if self._in_request and sql.startswith("SELECT"):
            stack = tuple(lines(_getframe(1)))
            values = self._values[sql, stack]
            values.add(repr(parameters))
            if len(values) >= REPEATED and not any(allowed in line for line in stack for allowed in ALLOWED):
                self.found[f"{place(stack)}: {sql}"] = len(values)
        return execute(sql, parameters, *arguments)

    def check(self) -> None:
        """Raise NPlusOneError if a request of the test has repeated a query."""
        if self.found:
            found = [f"{times} times at {query}" for query, times in self.found.items()]
            hint = "Fetch the rows at once, with select_related() or prefetch_related()."
            raise NPlusOneError("\n".join(["A request runs a query for each row (N+1).", *found, hint]))


@contextmanager
def guarded() -> Iterator[Guard]:
    """Yield a guard that watches the requests of Django's test client."""
    guard = Guard()
    request_started.connect(guard.begin_request)
    request_finished.connect(guard.end_request)
    connection_created.connect(guard.observe)
    try:
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(guard.count))
            yield guard
    finally:
        request_started.disconnect(guard.begin_request)
        request_finished.disconnect(guard.end_request)
        connection_created.disconnect(guard.observe)


def lines(frame: FrameType | None) -> Iterator[str]:
    """Yield the call stack as `file:line`, the innermost first; lines of templates for those that render them."""
    while frame is not None:
        node = frame.f_locals.get("self") if frame.f_code is TEMPLATE else None
        if node is not None and node.token is not None:
            yield f"template {node.origin}:{node.token.lineno}"
        else:
            yield f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back


def place(stack: tuple[str, ...]) -> str:
    """Return the innermost line of a template, or of code outside packages."""
    return next((line for line in stack if not line.startswith(("<", *PACKAGES))), stack[0])
