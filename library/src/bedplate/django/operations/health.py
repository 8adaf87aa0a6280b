"""Health checks.

`/health/live` is for restarts, `/health/ready` for load balancing, `/health/background` for external monitoring: cron
and the worker serve no pages, and if cron is dead, it cannot send an alert. `/health/services` is for people: all of
these services.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from functools import partial
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
from bedplate.django.operations.shared_call import SharedCall

logger = logging.getLogger(__name__)

TIME_LIMIT: Final = 2.0  # seconds, for all checks together: they run in parallel

# These let a hanging check end soon after its timeout. Seconds; milliseconds; milliseconds.
POSTGRESQL_LIMITS: Final = {"connect_timeout": 2, "tcp_user_timeout": 2000}
STATEMENT_LIMIT: Final = (
    "SET LOCAL statement_timeout = 2000"  # for a transaction: PgBouncer knows no option for a session
)
BROKER_LIMITS: Final = {"socket_connect_timeout": TIME_LIMIT, "socket_timeout": TIME_LIMIT}

type Check = Callable[[], None]


@never_cache
@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """Return 200: the process answers. It checks no other service: a restart would not repair a database."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Return 200 if every check succeeds, 503 if one fails."""
    checks = check_services()
    return report(request, checks, has_database=checks["database"]["status"] == "ok")


@never_cache
@require_safe
def services(request: HttpRequest) -> JsonResponse:
    """Return 200 if every service answers, cron and the worker too, otherwise 503."""
    checks = check_services()
    answers = checks["database"]["status"] == "ok"
    if checks["cache"]["status"] == "ok":
        checks |= {str(part): heartbeat_check(part) for part in heartbeat.parts()}
    else:  # the cache has the heartbeats
        checks |= {str(part): {"status": "unavailable", "error": "unknown"} for part in heartbeat.parts()}
    return report(request, checks, has_database=answers)


def check_services() -> dict[str, dict[str, Any]]:
    """Return the result of each check of a service that pages need. They run in parallel."""
    deadline = time.monotonic() + TIME_LIMIT
    started = {name: probe.start() for name, probe in PROBES.items()}
    return {name: finding(future, deadline=deadline) for name, future in started.items()}


@never_cache
@require_safe
def background(request: HttpRequest) -> JsonResponse:
    """Return 200 if cron and the worker have sent a heartbeat in the last minutes, otherwise 503.

    Also 503 if the collation versions of the database's indexes differ: the site works, but someone has to act.
    """
    checks = {str(part): heartbeat_check(part) for part in heartbeat.parts()}
    if not settings.ENVIRONMENT.embedded:
        checks["collations"] = finding(COLLATIONS.start(), deadline=time.monotonic() + 2 * TIME_LIMIT)
    return report(request, checks)


def heartbeat_check(part: heartbeat.Part) -> dict[str, Any]:
    """Return the status of a service's heartbeat."""
    silence = heartbeat.silence(part)
    if silence is None:
        return {"status": "unavailable", "error": "no heartbeat yet"}
    if silence > heartbeat.STALE_AFTER_SECONDS:
        return {"status": "unavailable", "error": f"no heartbeat for {silence:.0f} s"}
    return {"status": "ok", "silent_s": round(silence, 1)}


def report(request: HttpRequest, checks: dict[str, dict[str, Any]], *, has_database: bool = True) -> JsonResponse:
    """Return 200 if all checks are ok, otherwise 503. The checks themselves are not public."""
    is_ok = all(check["status"] == "ok" for check in checks.values())
    if not is_ok:
        logger.warning("Health check failed: %s", request.path, extra={"checks": checks})
    content: dict[str, Any] = {"status": "ok" if is_ok else "unavailable"}
    if may_see_checks(request, has_database=has_database):
        content["checks"] = checks
    return JsonResponse(content) if is_ok else NotReady(content)


def may_see_checks(request: HttpRequest, *, has_database: bool) -> bool:
    """Return whether the request is from staff, from this machine or from a container."""
    # nginx sets this header on all other requests, whatever the client sent.
    if settings.ENVIRONMENT.private or "HTTP_X_REAL_IP" not in request.META:
        return True
    try:
        return has_database and is_trusted_staff(request)
    except Error:
        return False


class NotReady(JsonResponse):
    """A 503 that Django does not log as an error: that would send a mail to ADMINS for every probe."""

    status_code = 503
    _has_been_logged = True  # read by django.utils.log.log_response


class Probe(SharedCall[float]):
    """Runs a check, and returns its duration in milliseconds."""

    def __init__(self, name: str, check: Check) -> None:
        super().__init__(f"health-{name}", partial(measure, check))


def measure(check: Check) -> float:
    """Run the check. Return its duration in milliseconds."""
    start = time.perf_counter()
    check()
    return (time.perf_counter() - start) * 1000


def finding(future: Future[float], *, deadline: float) -> dict[str, Any]:
    """Return the result of a check: its duration, or the class of its error, whose message may contain secrets."""
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
    """Return a connection to the database, with timeouts for one transaction."""
    wrapper: Any = connections["default"]
    if wrapper.vendor != "postgresql":
        return wrapper.get_new_connection(wrapper.get_connection_params())
    connection = wrapper.get_new_connection(wrapper.get_connection_params() | POSTGRESQL_LIMITS)
    try:
        connection.execute(STATEMENT_LIMIT)
    except wrapper.Database.Error:
        connection.close()
        raise
    return connection


def check_collations() -> None:
    """Raise if the collation versions of the database's indexes differ. An unavailable database is not an error."""
    wrapper: Any = connections["default"]
    if wrapper.vendor != "postgresql":
        return
    try:
        with closing(new_connection()) as connection:
            found = differences(connection.cursor())
    except wrapper.Database.Error:  # /health/ready reports it
        return
    if found:
        raise CollationsDifferError("; ".join(map(str, found)) + f". {HINT}")


def check_cache() -> None:
    """Raise if the cache does not store a value."""
    cache.set("health", "ok", timeout=60)
    if cache.get("health") != "ok":
        raise LookupError


def check_broker() -> None:
    """Raise if the task queue is unavailable."""
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
