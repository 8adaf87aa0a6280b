"""The second factor that staff need: in DEV and PROD, unless the setting `STAFF_NEEDS_SECOND_FACTOR` says otherwise.

A session counts once its user has given the factor in it. One that was begun with the password alone, before there was
a factor or by someone who has the password, does not: it may give the factor, and neither change nor add one.
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
# What shows nothing, or asks by itself what is missing; by the names of addresses, which have no namespace.
ALWAYS_OPEN: Final = {"health-live", "health-ready", "health-background", "set_language", "staff-check"}
WHERE_IT_IS_GIVEN: Final = {GIVE_CODE, GIVE_PASSKEY, "account_logout"}


def is_trusted_staff(request: HttpRequest) -> bool:
    """Return whether the request is of staff, with all that they need to be believed."""
    return bool(request.user.is_authenticated and request.user.is_staff) and missing_step(request) is None


def missing_step(request: HttpRequest) -> str | None:
    """Return the name of the page that a logged-in user has to see before others; None if there is none."""
    user: Any = request.user
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
    """Return whether the page of this name may be seen by staff who have that step before them.

    Who has no factor may see all pages about the account. Who has one must not change it before it was given.
    """
    return name in ALWAYS_OPEN or name in (account_pages() if missing == SET_UP else WHERE_IT_IS_GIVEN)


@cache
def account_pages() -> frozenset[str]:
    """Return the names of django-allauth's pages, wherever a project has them."""

    def names(patterns: list[Any]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from names(pattern.url_patterns)
            elif pattern.name:
                yield pattern.name

    return frozenset(names(import_module("allauth.urls").urlpatterns))


def authenticators(user: Any) -> list[tuple[int, str]]:
    """Return key and type of what the user has: factors, and recovery codes, which count when given and are none."""
    return list(Authenticator.objects.filter(user=user).values_list("pk", "type"))


@receiver(authenticator_added)
def note_in_session(request: HttpRequest, user: Any, authenticator: Authenticator, **_details: Any) -> None:
    """Have the session count in which the first factor was set up: it was at hand there."""
    others = [pk for pk, kind in authenticators(user) if kind in FACTORS and pk != authenticator.pk]
    if authenticator.type in FACTORS and not others:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
