"""Who may see the page: staff; and the metrics: programs with the token."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from secrets import compare_digest
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from bedplate.django.accounts.second_factor import missing_step
from bedplate.django.operations_page.gathering import gather_all
from bedplate.django.operations_page.parts import PARTS
from bedplate.django.operations_page.services import database_answers

View = Callable[..., HttpResponse]
SCHEME: Final = "Bearer "


class Unavailable(HttpResponse):
    """A 503 that Django does not log as an error: that would send a mail to ADMINS for every update of the page."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    _has_been_logged = True  # read by django.utils.log.log_response


def for_staff(view: View) -> View:
    """Restrict a view to staff with their second factor. Without the database, return a page that needs no user."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, **captured: Any) -> HttpResponse:
        if not database_answers():
            return without_database()
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise PermissionDenied
        if step := missing_step(request):
            return redirect(f"{reverse(step)}?{urlencode({'next': request.get_full_path()})}")
        return view(request, **captured)

    return guarded


def without_database() -> HttpResponse:
    """Return a page without session and user. Only a site that is reachable from this machine alone shows services."""
    context: dict[str, Any] = {}
    if settings.ENVIRONMENT.private:
        context["finding"] = gather_all([PARTS["services"]])["services"]
    return Unavailable(render_to_string("operations_page/without_database.html", context))


def has_token(request: HttpRequest) -> bool:
    """Return whether the request has the token for metrics. Without a configured token, none has."""
    token = settings.ENVIRONMENT.metrics_token.get_secret_value().strip()
    given = request.headers.get("Authorization", "")
    is_equal = compare_digest(given.removeprefix(SCHEME).strip().encode(), token.encode())
    return bool(token) and given.startswith(SCHEME) and is_equal
