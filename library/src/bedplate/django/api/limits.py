"""Rate limits, counted in the cache that all processes share. They are off while it is unavailable; nginx's remain."""

import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, override

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

WINDOW: Final = 60  # seconds
# Requests in a window. An office shares an address.
PER_USER: Final = 600
PER_ADDRESS: Final = 1200


def wait_for(kind: str, ident: object, limit: int, *, now: float) -> int:
    """Count a request. Return the seconds until the next window if it is over the limit, otherwise 0."""
    window, passed = divmod(int(now), WINDOW)
    key = f"api-limit:{kind}:{ident}:{window}"
    cache.add(key, 0, timeout=2 * WINDOW)
    try:
        count = cache.incr(key)
    except ValueError:  # evicted just now
        return 0
    return WINDOW - passed if count > limit else 0


def wait_for_address(request: HttpRequest) -> int:
    """Count a request of the client's address: the same address as for the limits of signing in."""
    try:
        address = get_adapter().get_client_ip(request)
    except PermissionDenied:  # not from nginx: a check inside the container
        return 0
    return wait_for(
        "address", network_of(address), getattr(settings, "API_REQUESTS_PER_ADDRESS", PER_ADDRESS), now=time.time()
    )


def network_of(address: str) -> str:
    """Return the address; of an IPv6 address its /64, all of whose addresses a client has."""
    found = ip_address(address)
    if isinstance(found, IPv6Address) and not found.ipv4_mapped:
        return str(ip_network((found, 64), strict=False))
    return address


class UserThrottle(BaseThrottle):
    """Limits the requests of a user, with all of their tokens and sessions together."""

    @override
    def allow_request(self, request: HttpRequest) -> bool:
        user = request.user
        if not user.is_authenticated:
            return True
        limit = getattr(settings, "API_REQUESTS_PER_USER", PER_USER)
        return wait_for("user", user.pk, limit, now=time.time()) == 0

    @override
    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW
