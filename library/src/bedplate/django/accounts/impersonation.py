"""Superusers act as a user, to see what the user sees.

The session stays the superuser's: each request checks again that both may do this, and only then replaces
`request.user`. `request.impersonator` is the superuser.
"""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bedplate.django.accounts.models import Impersonation
from bedplate.django.accounts.second_factor import account_pages

SESSION_KEY: Final = "impersonation"
LIMIT_SECONDS: Final = 3600
STOP: Final = "stop-impersonation"
# In addition to django-allauth's pages (password, addresses, second factors, sessions) and the administration.
CLOSED: Final = {
    "account_name",
    "account_data",
    "account_export",
    "account_delete",
    "api-tokens",
    "impersonate",
    "revoke-api-token",
}
SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}
BODY: Final = re.compile(rb"<body\b[^>]*>")


def users() -> Any:
    """Return those who can be impersonated: active users, no superusers."""
    return get_user_model()._default_manager.filter(is_active=True, is_superuser=False)  # noqa: SLF001 - documented


class ImpersonationMiddleware:
    """Replaces `request.user`, closes sensitive pages, and adds the banner to each page. The last middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, with the banner."""
        if not is_impersonating(request):
            return self.get_response(request)
        user = impersonated_user(request)
        if user is None:
            end(request)
            changed: Any = request
            changed.impersonation_ended = True
            return self.get_response(request)
        act_as(request, user)
        response = self.get_response(request)
        add_banner(request, response, user)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponseBase | None:
        """Refuse a page that is closed while a superuser acts as the user."""
        found = request.resolver_match
        superuser = getattr(request, "impersonator", None)
        if found and getattr(request, "impersonation_ended", False):
            refuse_change(request, found.view_name)
        if superuser is None or found is None:
            return None
        if found.view_name == "account_logout":  # of the superuser
            if request.method == "POST":
                request.user = superuser
                end(request)
        elif found.view_name in CLOSED | account_pages() or "admin" in found.app_names:
            refuse_impersonation(request)
        return None


def refuse_impersonation(request: HttpRequest) -> None:
    """Raise PermissionDenied if a superuser acts as the user. For views in which only some requests are sensitive."""
    if getattr(request, "impersonator", None):
        raise PermissionDenied("Closed while a superuser acts as a user.")


def refuse_change(request: HttpRequest, view_name: str) -> None:
    """Raise PermissionDenied if the request changes something: it was meant for the user, not for the superuser."""
    if request.method not in SAFE_METHODS and view_name not in {STOP, "account_logout"}:
        messages.info(request, _("You act as yourself again."))
        raise PermissionDenied("The impersonation has ended.")


def is_impersonating(request: HttpRequest) -> bool:
    """Return whether the session has an impersonation. Without the database there is no user in this request.

    So a superuser who acts as a user is not a superuser in it when the database is back.
    """
    try:
        return settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session
    except OperationalError as error:  # some pages work without the database and the user
        away: Any = SimpleLazyObject(partial(fail, error))
        request.user = away
        return False


def fail(error: Exception) -> NoReturn:
    """Raise the error."""
    raise error


def impersonated_user(request: HttpRequest) -> Any:
    """Return the user as whom the session's superuser acts; None if that is not allowed anymore."""
    superuser: Any = request.user
    stored: dict[str, Any] = request.session[SESSION_KEY]
    if not (superuser.is_authenticated and superuser.is_superuser and stored["superuser"] == str(superuser.pk)):
        return None
    if not 0 <= time.time() - stored["since"] < LIMIT_SECONDS:
        return None
    # A request that began before the end may have saved the session after it: the record decides.
    record = Impersonation.objects.filter(pk=stored["record"], superuser=superuser, user=OuterRef("pk"), ended=None)
    return users().filter(Exists(record), pk=stored["user"]).first()


def act_as(request: HttpRequest, user: Any) -> None:
    """Replace the user of the request."""

    async def auser() -> Any:
        return user

    changed: Any = request
    changed.impersonator, changed.user, changed.auser = request.user, user, auser


def add_banner(request: HttpRequest, response: HttpResponseBase, user: Any) -> None:
    """Insert the banner at the beginning of a page."""
    if not isinstance(response, HttpResponse) or not response.get("Content-Type", "").startswith("text/html"):
        return
    if response.has_header("Content-Encoding") or not (body := BODY.search(response.content)):
        return
    banner = render_to_string("account/impersonation_banner.html", {"impersonated": user}, request).encode()
    response.content = response.content[: body.end()] + banner + response.content[body.end() :]
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))


def end(request: HttpRequest) -> None:
    """End the impersonation of the session."""
    record: Any = request.session.pop(SESSION_KEY, {}).get("record")
    Impersonation.objects.filter(pk=record, ended=None).update(ended=timezone.now())


@login_required
@never_cache
@require_POST
def start(request: HttpRequest, pk: str) -> HttpResponse:
    """Act as the user from now on. Only superusers may, after their password or second factor."""
    superuser: Any = request.user
    if not superuser.is_superuser:
        raise PermissionDenied
    response: HttpResponse = start_with_proof(request, pk)
    return response


@reauthentication_required
@transaction.atomic
def start_with_proof(request: HttpRequest, pk: str) -> HttpResponse:
    """Record the impersonation, and begin it."""
    superuser: Any = request.user
    try:
        key = users().model._meta.pk.to_python(pk)  # noqa: SLF001 - documented
    except ValidationError as error:
        raise Http404 from error
    user: Any = get_object_or_404(users(), pk=key)
    ip = get_adapter().get_client_ip(request)
    record = Impersonation.objects.create(superuser=superuser, user=user, ip=ip)
    LogEntry.objects.log_actions(
        superuser.pk, [user], CHANGE, change_message=f"Acted as this user, from {ip}.", single_object=True
    )
    request.session[SESSION_KEY] = {
        "superuser": str(superuser.pk),
        "user": str(user.pk),
        "record": record.pk,
        "since": time.time(),
    }
    return redirect("home")


@never_cache
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Act as oneself again."""
    superuser = getattr(request, "impersonator", None)
    if superuser is None:
        return redirect("home")
    user: Any = request.user
    end(request)
    messages.info(request, _("You act as yourself again."))
    try:
        name = f"admin:{user._meta.app_label}_{user._meta.model_name}_change"  # noqa: SLF001 - documented
        return redirect(reverse(name, args=[user.pk]))
    except NoReverseMatch:
        return redirect("home")
