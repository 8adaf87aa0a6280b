"""The pages for the user's data: download all of it, or delete the account."""

import logging
import time
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bedplate.django.accounts import personal_data
from bedplate.django.accounts.personal_data import DeletionRefusedError, archive, collect

logger = logging.getLogger(__name__)


def proof_required(view: Any) -> Any:
    """Require that the user has just given the password or a second factor, in this session.

    A user who has neither, and signs in with another provider, must have signed in just now.
    """

    @login_required
    @reauthentication_required
    @wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        user: Any = request.user
        # The first condition saves the queries of the second one.
        proven = user.has_usable_password() or get_reauthentication_flows(user) or signed_in_recently(request)
        if not proven:
            messages.error(request, _("Sign out, sign in again, and come back here: this needs a recent sign-in."))
            return redirect("account_data")
        response: HttpResponseBase = view(request, *arguments, **options)
        return response

    return checked


def signed_in_recently(request: HttpRequest) -> bool:
    """Return whether the last sign-in of this session is recent."""
    user: Any = request.user
    times = [record["at"] for record in get_authentication_records(request, user)]
    return bool(times) and time.time() - max(times) < app_settings.REAUTHENTICATION_TIMEOUT


@login_required
@never_cache
@require_safe
def own_data(request: HttpRequest) -> HttpResponse:
    """Return the page that offers both."""
    return render(request, "account/data.html")


@never_cache
@require_POST
@proof_required
def export(request: HttpRequest) -> HttpResponseBase:
    """Return the user's data as a ZIP archive."""
    rate = {"export": "5/10m/user"}
    if not ratelimit.consume(request, app="bedplate.django.accounts", action="export", config=rate):
        return ratelimit.respond_429(request)
    parts = archive(collect(request.user))
    name = f"{settings.ENVIRONMENT.project_name} {timezone.localdate().isoformat()}.zip"
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(parts, content_type="application/zip", headers={"Content-Disposition": disposition})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@proof_required
def delete(request: HttpRequest) -> HttpResponse:
    """Ask whether to delete the account; delete it on POST."""
    if request.method != "POST":
        return render(request, "account/delete.html")
    try:
        delete_account(request.user.pk)
    except DeletionRefusedError as error:
        messages.error(request, str(error))
        return redirect("account_data")
    logout(request)
    messages.success(request, _("Your account is deleted."))
    return redirect("home")


@transaction.atomic
def delete_account(pk: Any) -> None:
    """Delete the user with all data. Raise DeletionRefusedError if that is not possible: nothing is deleted then."""
    users = get_user_model()._default_manager  # noqa: SLF001 - documented by Django
    # The locks make two last superusers wait for each other, and requests that add data of this user wait for the end.
    superusers = set(
        users.filter(is_superuser=True, is_active=True).select_for_update().order_by("pk").values_list("pk", flat=True)
    )
    user: Any = users.select_for_update().filter(pk=pk).first()
    if user is None:
        return
    if superusers == {pk}:
        raise DeletionRefusedError(
            _("You are the only superuser: make someone else a superuser before you delete your account.")
        )
    personal_data.delete_data.send(sender=type(user), user=user)
    try:
        user.delete()
    except (ProtectedError, RestrictedError) as error:
        logger.warning("The account of user %s cannot be deleted: %s", pk, error.args[0])
        raise DeletionRefusedError(
            _("Other data needs your account. Ask the people who run this site to delete it.")
        ) from error
    logger.info("User %s deleted the account", pk)
