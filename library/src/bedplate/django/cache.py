"""Valkey as a cache that pages can do without, and the cache in memory that replaces it without Docker and in tests.

What the cache holds may be missing at any time. While Valkey is away, nothing is found and nothing is kept; the limits
that django-allauth counts here are off then, and nginx's remain. A page must not fail, nor wait, because of that.

Values are stored as JSON: see `cache_serializer`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, override

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from .cache_serializer import UNREADABLE, JSONSerializer

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 5.0  # after a failure, in which Valkey is not asked
OPTIONS: Final[dict[str, Any]] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "retry": Retry(NoBackoff(), 1),  # a connection from before a restart of Valkey
}
# Part of every key. Releases that stored pickle used 1: after a rollback, they must not find JSON.
VERSION: Final = 2


class OptionalCache(RedisCache):
    """Django's cache in Valkey, empty while Valkey is out of reach."""

    # Of the monotonic clock, by address, for all threads: that one cache is away is no reason not to ask another.
    paused_until: ClassVar[dict[str, float]] = {}

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        options = {"serializer": JSONSerializer} | params.get("OPTIONS", {})
        super().__init__(server, {"VERSION": VERSION} | params | {"OPTIONS": options})
        self.address = server if isinstance(server, str) else ",".join(server)

    def attempt[Result](self, ask: Callable[[], Result], *, otherwise: Result) -> Result:
        """Return what Valkey answers; `otherwise` if it does not answer, or refuses."""
        if time.monotonic() < self.paused_until.get(self.address, 0):
            return otherwise
        try:
            return ask()
        except ResponseError as error:  # an answer, so nothing was waited for: no pause
            logger.warning("The cache refuses: %s", error)
            return otherwise
        except (RedisError, OSError) as error:
            self.paused_until[self.address] = time.monotonic() + PAUSE_SECONDS
            logger.warning("The cache is out of reach: %s", error)
            return otherwise

    @override
    def add(self, *args: Any, **options: Any) -> bool:
        return self.attempt(lambda: super(OptionalCache, self).add(*args, **options), otherwise=True)

    @override
    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        value = self.attempt(lambda: super(OptionalCache, self).get(key, default, version), otherwise=default)
        return default if value is UNREADABLE else value

    @override
    def set(self, *args: Any, **options: Any) -> None:
        return self.attempt(lambda: super(OptionalCache, self).set(*args, **options), otherwise=None)

    @override
    def touch(self, *args: Any, **options: Any) -> bool:
        return self.attempt(lambda: super(OptionalCache, self).touch(*args, **options), otherwise=False)

    @override
    def delete(self, *args: Any, **options: Any) -> bool:
        return self.attempt(lambda: super(OptionalCache, self).delete(*args, **options), otherwise=False)

    @override
    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.get(key, UNREADABLE, version) is not UNREADABLE

    @override
    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Return the new number. Raise ValueError if there is none; if Valkey cannot tell, count from 0."""
        return self.attempt(lambda: super(OptionalCache, self).incr(key, delta, version), otherwise=delta)

    @override
    def get_many(self, *args: Any, **options: Any) -> dict[Any, Any]:
        found: dict[Any, Any]
        found = self.attempt(lambda: super(OptionalCache, self).get_many(*args, **options), otherwise={})
        return {key: value for key, value in found.items() if value is not UNREADABLE}

    @override
    def set_many(self, data: dict[Any, Any], *args: Any, **options: Any) -> list[Any]:
        """Return the keys that were not stored."""
        return self.attempt(lambda: super(OptionalCache, self).set_many(data, *args, **options), otherwise=list(data))

    @override
    def delete_many(self, *args: Any, **options: Any) -> None:
        return self.attempt(lambda: super(OptionalCache, self).delete_many(*args, **options), otherwise=None)

    @override
    def clear(self) -> None:
        return self.attempt(lambda: super(OptionalCache, self).clear(), otherwise=None)


class MemoryCache(LocMemCache):
    """Django's cache in memory, with the values that `OptionalCache` takes: tests see what production does."""

    serializer = JSONSerializer()

    @override
    def add(self, key: Any, value: Any, *args: Any, **options: Any) -> bool:
        return super().add(key, self.serializer.dumps(value), *args, **options)

    @override
    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        stored = super().get(key, UNREADABLE, version)
        return default if stored is UNREADABLE else self.serializer.loads(stored)

    @override
    def set(self, key: Any, value: Any, *args: Any, **options: Any) -> None:
        super().set(key, self.serializer.dumps(value), *args, **options)
