"""Sign-in with an OpenID Connect provider."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, override

from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.openid_connect import views
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from requests import RequestException

logger = logging.getLogger(__name__)

# The provider is down, or its response has not the form of the standard.
PROVIDER_ERRORS: Final = (
    RequestException,
    AttributeError,
    ImproperlyConfigured,  # for a user ID that is too long
    KeyError,
    TypeError,
    ValueError,
    DataError,  # PostgreSQL stores no NUL
)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """The adapter: a provider is configured with variables, and only its verified addresses count."""

    @override
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Return the configured providers. Those in the table of django-allauth are not used."""
        found = [SocialApp(provider=kind, **app) for kind, each in self._configured().items() for app in each["APPS"]]
        return [
            app
            for app in found
            if provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        ]

    @staticmethod
    def _configured() -> dict[str, Any]:
        from allauth.socialaccount import app_settings  # noqa: PLC0415 - after the settings

        return dict(app_settings.PROVIDERS)

    @override
    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        """Return whether the provider has verified the address: a text such as "false" does not count."""
        return is_verified(login) and super().can_authenticate_by_email(login, email)

    @override
    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[Any, str] | None:
        """Return the user who has verified the address here, or whose main address it is, and the address.

        django-allauth's own also finds users who have only added it, and users can add the address of another person.
        """
        for address in sociallogin.email_addresses:
            if not (address.verified and self.can_authenticate_by_email(sociallogin, address.email)):
                continue
            email = address.email.lower()
            owned = EmailAddress.objects.filter(email=email, verified=True).select_related("user").first()
            user: Any = owned.user if owned else get_user_model()._default_manager.filter(email=email).first()  # noqa: SLF001 - documented
            if user:
                return user, email
        return None

    @override
    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> Any:
        """Return the new user, with the name at the provider on one line."""
        user: Any = super().populate_user(request, sociallogin, data)
        sociallogin.account.extra_data = without_nul(sociallogin.account.extra_data)
        user.name = " ".join(str(data.get("name") or "").replace("\0", "").split())[:150]
        return user

    @override
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        for address in sociallogin.email_addresses:
            address.verified = is_verified(sociallogin)


def without_nul(value: Any) -> Any:
    """Return what a provider says without NUL, which PostgreSQL does not store, not even in JSON."""
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def is_verified(login: SocialLogin) -> bool:
    """Return whether the provider says that the address is verified."""
    data: dict[str, Any] = login.account.extra_data
    claims = data.get("userinfo") or data.get("id_token") or data
    return claims.get("email_verified") in (True, "true")


def with_error_page(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the view, with a page instead of django-allauth's status 500 when the provider fails."""

    @wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        try:
            return view(request, *arguments, **options)
        except PROVIDER_ERRORS:
            logger.exception("The sign-in provider failed")
            return render(request, "socialaccount/authentication_error.html", status=HTTPStatus.BAD_GATEWAY)

    return checked


login = with_error_page(views.login)
callback = with_error_page(views.callback)
