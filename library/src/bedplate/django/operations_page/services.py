"""The services of the site: whether each answers, how fast, and in which version."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final
from urllib.request import urlopen

import django
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.utils.translation import gettext as _
from kombu import Connection

from bedplate.django.operations import health, heartbeat
from bedplate.django.operations.shared_call import SharedCall

TIME_LIMIT: Final = 2.0  # seconds, for all services together
FLOWER: Final = "http://flower:5555/flower/healthcheck"
# Heartbeats come every two seconds from cron, every ten from the worker. Later ones are shown before anyone is alerted.
LATE_AFTER_SECONDS: Final = 45

OK, LATE, UNAVAILABLE, UNKNOWN = "ok", "late", "unavailable", "unknown"

type Timed = tuple[str, float]
"""The version of a service, and the time in milliseconds in which it answered."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, and its answer."""

    name: str
    state: str
    version: str = ""
    milliseconds: float | None = None
    silence: float | None = None
    """Seconds since the last heartbeat."""
    error: str = ""

    @property
    def label(self) -> str:
        """The name in the current language."""
        return LABELS[self.name]()

    @property
    def is_ok(self) -> bool:
        """Whether it answers in time."""
        return self.state == OK


@dataclass(frozen=True, kw_only=True)
class Services:
    """All services of the site."""

    services: tuple[Service, ...]

    def problems(self) -> list[str]:
        """Return a sentence for each service that does not answer."""
        return [_("%(service)s does not answer.") % {"service": each.label} for each in self.services if not each.is_ok]


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The last heartbeat of a service."""

    silence: float | None
    version: str


LABELS: Final[dict[str, Callable[[], str]]] = {
    "web": lambda: _("Web"),
    "database": lambda: _("Database"),
    "cache": lambda: _("Cache"),
    "broker": lambda: _("Task queue"),
    "worker": lambda: _("Worker"),
    "cron": lambda: _("Cron"),
    "flower": lambda: "Flower",
}


def gather_services() -> Services:
    """Return all services. They are asked in parallel."""
    deadline = time.monotonic() + TIME_LIMIT
    started = {name: call.start() for name, call in CALLS.items() if name != "flower" or has_flower()}
    beats = HEARTBEATS.start()
    found = [service(name, future, deadline=deadline) for name, future in started.items()]
    found += heartbeats(beats, cache_is_ok=all(each.is_ok for each in found if each.name == "cache"), deadline=deadline)
    web = Service(name="web", state=OK, version=f"Django {django.get_version()}")
    order = list(LABELS)
    return Services(services=tuple(sorted([web, *found], key=lambda each: order.index(each.name))))


def database_answers() -> bool:
    """Return whether the database answers: without it, nobody can be logged in."""
    return service("database", CALLS["database"].start(), deadline=time.monotonic() + TIME_LIMIT).is_ok


def service(name: str, future: Future[Timed], *, deadline: float) -> Service:
    """Return a service with its answer, or with the class of the error, whose message may contain secrets."""
    try:
        found, milliseconds = future.result(timeout=max(0, deadline - time.monotonic()))
    except Exception as error:
        return Service(name=name, state=UNAVAILABLE, error=type(error).__name__)
    return Service(name=name, state=OK, version=found, milliseconds=milliseconds)


def heartbeats(future: Future[dict[str, Beat]], *, cache_is_ok: bool, deadline: float) -> Iterable[Service]:
    """Yield the services with heartbeats. The cache has them: without it, their state is unknown."""
    try:
        beats = future.result(timeout=max(0, deadline - time.monotonic())) if cache_is_ok else {}
    except Exception:
        beats = {}
    for name in heartbeat.parts():
        beat = beats.get(name)
        if beat is None:
            yield Service(name=name, state=UNKNOWN)
        elif beat.silence is None or beat.silence > heartbeat.STALE_AFTER_SECONDS:
            yield Service(name=name, state=UNAVAILABLE, version=beat.version, silence=beat.silence)
        else:
            state = LATE if beat.silence > LATE_AFTER_SECONDS else OK
            yield Service(name=name, state=state, version=beat.version, silence=beat.silence)


def read_heartbeats() -> dict[str, Beat]:
    """Return the last heartbeats from the cache."""
    return {part: Beat(silence=heartbeat.silence(part), version=heartbeat.version(part)) for part in heartbeat.parts()}


def timed(check: Callable[[], str]) -> Timed:
    """Return the version that the check returns, and its duration in milliseconds."""
    start = time.perf_counter()
    found = check()
    return found, (time.perf_counter() - start) * 1000


def database_version() -> str:
    """Return the version of the database. Raise if it does not answer a new connection."""
    with closing(health.new_connection()) as connection:
        connection.execute("SELECT 1")
        if connections["default"].vendor != "postgresql":
            return f"SQLite {sqlite3.sqlite_version}"
        number = connection.info.server_version  # 180001 for 18.1
        return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def cache_version() -> str:
    """Return the version of the cache; empty for one in memory. Raise if it does not store a value."""
    health.check_cache()
    clients: Any = getattr(cache, "_cache", None)
    return valkey_version(clients.get_client(None)) if hasattr(clients, "get_client") else ""


def broker_version() -> str:
    """Return the version of the task queue's server; empty for a folder. Raise if it does not answer."""
    if settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("data_folder_out"):
        health.check_broker()
        return ""
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | health.BROKER_LIMITS
    with Connection(settings.CELERY_BROKER_URL, transport_options=options) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0)
        channel: Any = broker.default_channel
        return valkey_version(channel.client) if hasattr(channel, "client") else ""


def valkey_version(client: Any) -> str:
    """Return the version of a Valkey or Redis server. HELLO needs no permission: INFO would."""
    reply = client.execute_command("HELLO")
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    said = {text(key): text(value) for key, value in pairs}
    return f"{said.get('server', '').capitalize()} {said.get('version', '')}".strip()


def text(value: object) -> str:
    """Return a reply of Valkey as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def flower_version() -> str:
    """Return the version of Flower. Raise OSError if it does not answer."""
    urlopen(FLOWER, timeout=TIME_LIMIT).close()
    return f"Flower {version('flower')}"


def has_flower() -> bool:
    """Return whether the project has Flower: a project that has removed it does not have its package."""
    return not settings.ENVIRONMENT.embedded and find_spec("flower") is not None


CALLS: Final[dict[str, SharedCall[Timed]]] = {
    name: SharedCall(f"operations-{name}", partial(timed, check))
    for name, check in {
        "database": database_version,
        "cache": cache_version,
        "broker": broker_version,
        "flower": flower_version,
    }.items()
}
HEARTBEATS: Final = SharedCall("operations-heartbeats", read_heartbeats)
