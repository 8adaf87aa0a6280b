"""The second factor of staff: required in DEV and PROD, unless the setting `STAFF_NEEDS_SECOND_FACTOR` differs.

A session is trusted once its user has given the factor in it. A session that was started with only the password, before
there was a factor or with a stolen password, can give the factor, but not change or add one.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import URLResolver

FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
SET_UP: Final = "mfa_index"
GIVE_CODE: Final = "mfa_reauthenticate"
GIVE_PASSKEY: Final = "mfa_reauthenticate_webauthn"
# URL names (without a namespace) of pages that show no data, or check staff themselves.
ALWAYS_OPEN: Final = {
    *("health-live", "health-ready", "health-services", "health-background"),
    *("operations", "operations-part", "operations-metrics"),  # they work without the database, and check staff then
    *("set_language", "staff-check"),
}
FACTOR_PAGES: Final = {GIVE_CODE, GIVE_PASSKEY, "account_logout"}


def is_trusted_staff(request: HttpRequest) -> bool:
    """Return whether the request is from staff with all required factors."""
    return bool(request.user.is_authenticated and request.user.is_staff) and missing_step(request) is None


def missing_step(request: HttpRequest) -> str | None:
    """Return the URL name of the page that a logged-in user must visit first; None if no step is missing."""
    user: Any = getattr(request, "impersonator", request.user)  # the factor of the person
    needed = getattr(settings, "STAFF_NEEDS_SECOND_FACTOR", not settings.ENVIRONMENT.private)
    if not needed or not (user.is_staff or user.is_superuser):
        return None
    kinds = {pk: kind for pk, kind in authenticators(user) if kind in app_settings.SUPPORTED_TYPES}
    factors = [kind for kind in kinds.values() if kind in FACTORS]
    if not factors:
        return SET_UP
    given = (record.get("id") for record in get_authentication_records(request, user) if record.get("method") == "mfa")
    if any(pk in kinds for pk in given):
        return None
    return GIVE_CODE if Authenticator.Type.TOTP in factors else GIVE_PASSKEY


def is_open(name: str | None, *, missing: str) -> bool:
    """Return whether staff with this missing step may see the page of this URL name.

    Without a factor, all pages about the account are open. With one, it must be given before it can be changed.
    """
    return name in ALWAYS_OPEN or name in (account_pages() if missing == SET_UP else FACTOR_PAGES)


@cache
def account_pages() -> frozenset[str]:
    """Return the URL names of django-allauth's pages, whatever their paths in a project."""

    def names(patterns: list[Any]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from names(pattern.url_patterns)
            elif pattern.name:
                yield pattern.name

    return frozenset(names(import_module("allauth.urls").urlpatterns))


def authenticators(user: Any) -> list[tuple[int, str]]:
    """Return key and type of the user's factors and recovery codes. A code can be given, but is not a factor."""
    return list(Authenticator.objects.filter(user=user).values_list("pk", "type"))


@receiver(authenticator_added)
def trust_session(request: HttpRequest, user: Any, authenticator: Authenticator, **_details: Any) -> None:
    """Trust the session in which the first factor was set up: its user has the factor."""
    others = [pk for pk, kind in authenticators(user) if kind in FACTORS and pk != authenticator.pk]
    if authenticator.type in FACTORS and not others:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
