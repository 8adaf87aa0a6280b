"""Valkey as a cache that pages can do without.

What the cache holds may be missing at any time. While Valkey is away, nothing is found and nothing is kept; the limits
that django-allauth counts here are off then, and nginx's remain. A page must not fail, nor wait, because of that.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, override

from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 5.0  # after a failure, in which Valkey is not asked
OPTIONS: Final[dict[str, Any]] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "retry": Retry(NoBackoff(), 1),  # a connection from before a restart of Valkey
}


class OptionalCache(RedisCache):
    """Django's cache in Valkey, empty while Valkey is out of reach."""

    paused_until: ClassVar[float] = 0.0  # of the monotonic clock, for all threads

    def attempt[Result](self, ask: Callable[[], Result], *, otherwise: Result) -> Result:
        """Return what Valkey answers, or `otherwise`."""
        if time.monotonic() < OptionalCache.paused_until:
            return otherwise
        try:
            return ask()
        except (RedisError, OSError) as error:
            OptionalCache.paused_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("The cache is out of reach: %s", error)
            return otherwise

    @override
    def add(self, *args: Any, **options: Any) -> bool:
        return self.attempt(lambda: super(OptionalCache, self).add(*args, **options), otherwise=True)

    @override
    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.attempt(lambda: super(OptionalCache, self).get(key, default, version), otherwise=default)

    @override
    def set(self, *args: Any, **options: Any) -> None:
        return self.attempt(lambda: super(OptionalCache, self).set(*args, **options), otherwise=None)

    @override
    def delete(self, *args: Any, **options: Any) -> bool:
        return self.attempt(lambda: super(OptionalCache, self).delete(*args, **options), otherwise=False)

    @override
    def get_many(self, *args: Any, **options: Any) -> dict[Any, Any]:
        return self.attempt(lambda: super(OptionalCache, self).get_many(*args, **options), otherwise={})
