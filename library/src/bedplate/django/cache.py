"""An optional cache in Valkey, and the in-memory cache that replaces it without Docker and in tests.

Cached values may be missing at any time. While Valkey is unavailable, the cache finds and stores nothing. The rate
limits of django-allauth, which are counted here, are off then; nginx's remain. Pages must not fail or wait.

Values are stored as JSON: see `cache_serializer`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, Self, override
from urllib.parse import unquote, urlsplit

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from bedplate.environment_values import sentinels

from .cache_serializer import UNREADABLE, JSONSerializer

logger = logging.getLogger(__name__)

SENTINEL_PORT: Final = 26379
PAUSE_SECONDS: Final = 5.0  # without requests to Valkey, after a failure
OPTIONS: Final[dict[str, Any]] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "retry": Retry(NoBackoff(), 1),  # for connections from before a restart of Valkey
}
# Part of every key. Releases that stored pickle used 1: after a rollback, they must not find JSON.
VERSION: Final = 2


class SentinelPool(SentinelConnectionPool):
    """Connections to the primary that Sentinels name."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return the pool for `sentinel://USER:PASSWORD@A,B/0?master_name=NAME`: the login is that of the primary."""
        urls, name = sentinels(url)
        first, *_ = parts = [urlsplit(each) for each in urls]
        timeouts = {key: value for key, value in OPTIONS.items() if key.startswith("socket_")}
        hosts = [(each.hostname, each.port or SENTINEL_PORT) for each in parts]
        asked = Sentinel(hosts, **timeouts)  # type: ignore[no-untyped-call] # redis has no type for it
        login = {"username": unquote(first.username or "") or None, "password": unquote(first.password or "") or None}
        return cls(name, asked, db=int(first.path.strip("/") or 0), **login, **options)


class OptionalCache(RedisCache):
    """Django's cache in Valkey, empty while Valkey is unavailable."""

    # Times of the monotonic clock, for all threads, by address: the failure of one cache must not pause another.
    paused_until: ClassVar[dict[str, float]] = {}

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        options = {"serializer": JSONSerializer} | OPTIONS | params.get("OPTIONS", {})
        if isinstance(server, str) and sentinels(server)[0]:
            options["pool_class"] = SentinelPool
            server = [server]  # Django would divide it at the commas between the hosts
        super().__init__(server, {"VERSION": VERSION} | params | {"OPTIONS": options})
        self.address = server if isinstance(server, str) else ",".join(server)

    def attempt[Result](self, ask: Callable[[], Result], *, otherwise: Result) -> Result:
        """Return the result of `ask`; `otherwise` if Valkey does not answer, or refuses."""
        if time.monotonic() < self.paused_until.get(self.address, 0):
            return otherwise
        try:
            return ask()
        except ResponseError as error:  # Valkey answered, so no pause is needed
            logger.warning("The cache refuses: %s", error)
            return otherwise
        except (RedisError, OSError) as error:
            self.paused_until[self.address] = time.monotonic() + PAUSE_SECONDS
            logger.warning("The cache is unavailable: %s", error)
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
        """Return the new number. Raise ValueError if the key is missing; if Valkey is unavailable, count from 0."""
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
    """Django's in-memory cache, with the same serializer as `OptionalCache`: tests find the same errors."""

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
