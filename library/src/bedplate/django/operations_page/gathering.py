"""Gathers the parts of the page: each in its own thread, with its own time limit. A part that fails shows its error."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from django.db import connections

from bedplate.django.operations.health import POSTGRESQL_LIMITS
from bedplate.django.operations.shared_call import SharedCall

logger = logging.getLogger(__name__)

TIME_LIMIT: Final = 3.0  # seconds, for all parts together; each service has two of them


class Facts(Protocol):
    """The facts of a part."""

    def problems(self) -> list[str]:
        """Return sentences about what is not well, in the current language."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A part's facts, or the class of the error that prevented them: its message may contain secrets."""

    name: str
    facts: Facts | None = None
    error: str = ""


class Part:
    """A part of the page. Its facts are gathered again after `keep` seconds."""

    def __init__(self, name: str, gather: Callable[[], Facts], *, keep: float = 0) -> None:
        self.name = name
        self.keep = keep
        self._call = SharedCall(f"operations-{name}", partial(self._gather, gather))
        self._kept: Facts | None = None
        self._kept_until = 0.0

    def start(self) -> Future[Facts]:
        """Start to gather the facts, unless they are kept. Return a future with them."""
        if self._kept is not None and time.monotonic() < self._kept_until:
            kept: Future[Facts] = Future()
            kept.set_result(self._kept)
            return kept
        return self._call.start()

    def forget(self) -> None:
        """Gather the facts again for the next request."""
        self._kept = None

    def _gather(self, gather: Callable[[], Facts]) -> Facts:
        facts = with_limits(gather)
        if self.keep:
            self._kept, self._kept_until = facts, time.monotonic() + self.keep
        return facts


def gather_all(parts: list[Part]) -> dict[str, Finding]:
    """Return the findings of the parts by name. They are gathered in parallel."""
    deadline = time.monotonic() + TIME_LIMIT
    started = [(part, part.start()) for part in parts]
    return {part.name: finding(part.name, future, deadline=deadline) for part, future in started}


def finding(name: str, future: Future[Facts], *, deadline: float) -> Finding:
    """Return the facts, or the error."""
    try:
        return Finding(name=name, facts=future.result(timeout=max(0, deadline - time.monotonic())))
    except Exception as error:
        logger.warning("The page about operations has no %s: %s", name, error)
        return Finding(name=name, error=type(error).__name__)


def with_limits[Result](gather: Callable[[], Result]) -> Result:
    """Return the result of `gather`. Its connection to the database has time limits, and is closed at the end.

    An open connection is the caller's, and stays as it is.
    """
    connection = connections["default"]
    if connection.connection is not None:
        return gather()
    if connection.vendor == "postgresql":
        is_pool = connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]  # PgBouncer accepts no such option
        session = {} if is_pool else {"options": "-c statement_timeout=2000"}
        options = connection.settings_dict["OPTIONS"] | POSTGRESQL_LIMITS | session
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    try:
        return gather()
    finally:
        connection.close()
