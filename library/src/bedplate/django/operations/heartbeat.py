"""Heartbeats of cron and the worker: they leave one every few seconds, where web sees them."""

import time
from typing import Final, Literal

from django.conf import settings
from django.core.cache import cache

# A deploy or a restart of the machine takes less.
STALE_AFTER_SECONDS: Final = 300

type Part = Literal["cron", "worker"]


def parts() -> tuple[Part, ...]:
    """Return what leaves signs of life. Embedded mode has no cron, and stops as a whole when its worker ends."""
    return () if settings.ENVIRONMENT.embedded else ("cron", "worker")


def beat(part: Part) -> None:
    """Leave a sign of life."""
    cache.set(key(part), time.time(), timeout=None)


def silence(part: Part) -> float | None:
    """Return for how many seconds there has been no sign of life; None if there never was one."""
    last = cache.get(key(part))
    return None if last is None else max(0.0, time.time() - last)


def key(part: Part) -> str:
    """Return the name in the cache."""
    return f"heartbeat:{part}"
