"""Middleware for pages about accounts, and for staff."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from bedplate.django.accounts.second_factor import ALWAYS_OPEN, SET_UP, is_open, missing_step

PAGES: Final = {"account_reset_password_from_key", "account_confirm_email"}


class LinkTokenMiddleware:
    """Keeps the token of a mailed link out of the `Referer` of the page's resources, and so out of logs.

    The origin remains: without it, CSRF protection would refuse the page's forms as those of another site.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, with a stricter referrer policy for such a page."""
        response = self.get_response(request)
        if request.resolver_match and request.resolver_match.url_name in PAGES:
            response["Referrer-Policy"] = "strict-origin"
        return response


class StaffSecondFactorMiddleware:
    """Redirects staff without a second factor in this session to the page for it, from any other page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response: see `process_view`."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponseBase | None:
        """Return a redirect to the page of the missing step, if a step is missing."""
        name = request.resolver_match.view_name if request.resolver_match else None
        # Without a session there is no user: no query is needed, and the response does not vary with cookies.
        if name in ALWAYS_OPEN or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        page = missing_step(request) if request.user.is_authenticated else None
        if page is None or is_open(name, missing=page):
            return None
        if page == SET_UP:
            warn_once(request, _("Staff need a second factor: set one up to go on."))
        return redirect(f"{reverse(page)}?{urlencode({'next': request.get_full_path()})}")


def warn_once(request: HttpRequest, text: str) -> None:
    """Show the text on the next page, unless it is queued already."""
    waiting: Any = messages.get_messages(request)
    if text not in map(str, waiting):
        messages.warning(request, text)
    waiting.used = False  # iterating marks the messages as shown
