"""The home page, and the error pages, which must not depend on other services."""

from http import HTTPStatus
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views.decorators.http import require_safe
from structlog.contextvars import get_contextvars


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Return the home page. For staff, and on a site that is reachable from this machine only, it shows the stack."""
    context: dict[str, Any] = {"shows_stack": False}
    if settings.ENVIRONMENT.private or request.user.is_staff:
        context = {
            "shows_stack": True,
            "django_version": django.get_version(),
        }
    return render(request, "pages/home.html", context)


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Redirect to the site's icon, for pages without an icon link, such as the admin's."""
    return redirect(static("favicon.svg"))


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """Return the page for an invalid request, without session or database."""
    return HttpResponse(render_to_string("400.html"), status=HTTPStatus.BAD_REQUEST)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Return the page for a server error, with the request id for the logs, without session or database."""
    context = {"request_id": get_contextvars().get("request_id")}
    return HttpResponse(render_to_string("500.html", context), status=HTTPStatus.INTERNAL_SERVER_ERROR)
