"""Heartbeats of cron and the worker: they write one to the cache every few seconds."""

import time
from typing import Final, Literal

from django.conf import settings
from django.core.cache import cache

# Longer than a deploy or a restart of the machine.
STALE_AFTER_SECONDS: Final = 300

type Part = Literal["cron", "worker"]


def parts() -> tuple[Part, ...]:
    """Return the services with heartbeats. Embedded mode has no cron, and stops completely if its worker ends."""
    return () if settings.ENVIRONMENT.embedded else ("cron", "worker")


def beat(part: Part, *, version: str = "") -> None:
    """Write a heartbeat, and the version of the service's program."""
    cache.set_many({key(part): time.time(), version_key(part): version}, timeout=None)


def silence(part: Part) -> float | None:
    """Return the seconds since the last heartbeat; None if there never was one."""
    last = cache.get(key(part))
    return None if last is None else max(0.0, time.time() - last)


def version(part: Part) -> str:
    """Return the version of the service's program; empty if it is not known."""
    return str(cache.get(version_key(part), ""))


def key(part: Part) -> str:
    """Return the key in the cache."""
    return f"heartbeat:{part}"


def version_key(part: Part) -> str:
    """Return the key of the version in the cache."""
    return f"version:{part}"
