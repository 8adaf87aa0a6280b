"""The page of the user's API tokens."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from bedplate.django.api.forms import ApiTokenForm
from bedplate.django.api.models import ApiToken, TooManyTokensError


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]
@sensitive_variables("text")
def tokens(request: HttpRequest) -> HttpResponse:
    """Return the page of the user's tokens; create one on POST, and show it, this once."""
    form, text = ApiTokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        name, expires = form.cleaned_data["name"], form.expires()
        try:
            _token, text = ApiToken.objects.issue(request.user, name=name, expires=expires)
            form = ApiTokenForm()
        except TooManyTokensError:
            form.add_error(None, _("You have the maximum number of tokens. Revoke one first."))
    found = ApiToken.objects.filter(user=cast("Any", request.user))
    return render(request, "api/tokens.html", {"form": form, "text": text, "tokens": found, "now": timezone.now()})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to revoke a token of the user; delete it on POST. 404 for tokens of others."""
    token = get_object_or_404(ApiToken, pk=pk, user=cast("Any", request.user))
    if request.method != "POST":
        return render(request, "api/revoke_token.html", {"token": token})
    token.delete()
    messages.success(request, _("The token is revoked."))
    return redirect("api-tokens")
