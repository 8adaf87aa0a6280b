"""Whether the application works.

`/health/live` is for what restarts it, `/health/ready` for what sends it visitors, `/health/background` for a monitor
outside: cron and the worker serve no page, and when cron is dead, no alarm of ours is raised.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Lock
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection

from bedplate.django.accounts.second_factor import is_trusted_staff
from bedplate.django.operations import heartbeat
from bedplate.django.operations.collations import HINT, CollationsDifferError, differences

logger = logging.getLogger(__name__)

TIME_LIMIT: Final = 2.0  # seconds, for all checks together: they run side by side

# So that a check which hangs ends soon after its answer has been given up. Seconds; milliseconds; milliseconds.
POSTGRESQL_LIMITS: Final = {"connect_timeout": 2, "tcp_user_timeout": 2000, "options": "-c statement_timeout=2000"}
BROKER_LIMITS: Final = {"socket_connect_timeout": TIME_LIMIT, "socket_timeout": TIME_LIMIT}

type Check = Callable[[], None]


@never_cache
@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """Return 200: the process answers. It asks nothing of anybody: a restart would not bring a database back."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Return whether every check succeeded, and 503 if one of them failed."""
    deadline = time.monotonic() + TIME_LIMIT
    started = {name: probe.start() for name, probe in PROBES.items()}
    checks = {name: finding(future, deadline=deadline) for name, future in started.items()}
    return report(request, checks, has_database=checks["database"]["status"] == "ok")


@never_cache
@require_safe
def background(request: HttpRequest) -> JsonResponse:
    """Return whether cron and the worker have been heard of in the last minutes, and 503 if one has not.

    And 503 if the database's indexes are sorted as its server no longer sorts: the site goes on, a person has to act.
    """
    checks = {str(part): heartbeat_check(part) for part in heartbeat.parts()}
    if not settings.ENVIRONMENT.embedded:
        checks["collations"] = finding(COLLATIONS.start(), deadline=time.monotonic() + 2 * TIME_LIMIT)
    return report(request, checks)


def heartbeat_check(part: heartbeat.Part) -> dict[str, Any]:
    """Return whether a part of the background has been heard of."""
    silence = heartbeat.silence(part)
    if silence is None:
        return {"status": "unavailable", "error": "never heard of"}
    if silence > heartbeat.STALE_AFTER_SECONDS:
        return {"status": "unavailable", "error": f"not heard of for {silence:.0f} s"}
    return {"status": "ok", "silent_s": round(silence, 1)}


def report(request: HttpRequest, checks: dict[str, dict[str, Any]], *, has_database: bool = True) -> JsonResponse:
    """Return whether all is well, and 503 if not. What was checked is not for strangers."""
    is_well = all(check["status"] == "ok" for check in checks.values())
    if not is_well:
        logger.warning("Not well: %s", request.path, extra={"checks": checks})
    content: dict[str, Any] = {"status": "ok" if is_well else "unavailable"}
    if may_see_checks(request, has_database=has_database):
        content["checks"] = checks
    return JsonResponse(content) if is_well else NotReady(content)


def may_see_checks(request: HttpRequest, *, has_database: bool) -> bool:
    """Return whether the request is of staff, or comes from this machine or from inside the containers."""
    # nginx, in front of everyone else, says where a request comes from, whatever the client sent.
    if settings.ENVIRONMENT.private or "HTTP_X_REAL_IP" not in request.META:
        return True
    try:
        return has_database and is_trusted_staff(request)
    except Error:
        return False


class NotReady(JsonResponse):
    """A 503 that Django does not log as an error, which would mail one to ADMINS for every probe."""

    status_code = 503
    _has_been_logged = True  # what django.utils.log.log_response looks at


class Probe:
    """Runs a check in a thread of its own, once at a time: who asks meanwhile gets the same answer.

    So a check that hangs (a name that does not resolve, a server that accepts and is silent) holds one thread,
    not one for each question, and many questions cost no more than one.
    """

    def __init__(self, name: str, check: Check) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"health-{name}")
        self._check = check
        self._lock = Lock()
        self._running: Future[float] | None = None

    def start(self) -> Future[float]:
        """Return the milliseconds that the check will have taken."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._executor.submit(self._measure)
            return self._running

    def _measure(self) -> float:
        start = time.perf_counter()
        self._check()
        return (time.perf_counter() - start) * 1000


def finding(future: Future[float], *, deadline: float) -> dict[str, Any]:
    """Return what a check found: how long it took, or the class of its error, whose text may hold secrets."""
    try:
        duration = future.result(timeout=max(0, deadline - time.monotonic()))
    except CollationsDifferError as error:
        return {"status": "unavailable", "error": str(error)}
    except Exception as error:
        return {"status": "unavailable", "error": type(error).__name__}
    return {"status": "ok", "duration_ms": round(duration, 1)}


def check_database() -> None:
    """Raise if the database does not answer a new connection."""
    with closing(new_connection()) as connection:
        connection.execute("SELECT 1")


def new_connection() -> Any:
    """Return a connection to the database, with limits of time."""
    wrapper = connections["default"]
    limits = POSTGRESQL_LIMITS if wrapper.vendor == "postgresql" else {}
    return wrapper.get_new_connection(wrapper.get_connection_params() | limits)


def check_collations() -> None:
    """Raise if the database's indexes are sorted as its server no longer sorts; do not if it is away."""
    wrapper: Any = connections["default"]
    if wrapper.vendor != "postgresql":
        return
    try:
        with closing(new_connection()) as connection:
            found = differences(connection.cursor())
    except wrapper.Database.Error:  # /health/ready says so
        return
    if found:
        raise CollationsDifferError("; ".join(map(str, found)) + f". {HINT}")


def check_cache() -> None:
    """Raise if the cache does not keep what it is given."""
    cache.set("health", "ok", timeout=60)
    if cache.get("health") != "ok":
        raise LookupError


def check_broker() -> None:
    """Raise if the task queue would take no task."""
    if folder := settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("data_folder_out"):
        tempfile.TemporaryFile(dir=folder).close()
        return
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | BROKER_LIMITS
    with Connection(settings.CELERY_BROKER_URL, transport_options=options) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0)  # sends a PING


PROBES: Final = {
    "database": Probe("database", check_database),
    "cache": Probe("cache", check_cache),
    "broker": Probe("broker", check_broker),
}
COLLATIONS: Final = Probe("collations", check_collations)
