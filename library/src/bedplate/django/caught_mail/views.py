"""Views of the mail catcher."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from bedplate.django.caught_mail.folder import CaughtMessage, MailFolder

SHOWN: Final = 100

# A mail may have any style, but no scripts, no forms, and no resources from elsewhere.
MAIL_POLICY: Final[dict[str, list[str]]] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": [CSP.SELF, "data:"],
    "frame-ancestors": [CSP.SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}

View = Callable[..., HttpResponse]


def for_mail_readers(view: View) -> View:
    """Restrict a view to staff, unless the site is reachable from this machine only."""

    @never_cache
    @require_safe
    @wraps(view)
    def guarded(request: HttpRequest, **captured: Any) -> HttpResponse:
        if not settings.ENVIRONMENT.private:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.is_staff:
                raise PermissionDenied
        return view(request, **captured)

    return guarded


@for_mail_readers
def message_list(request: HttpRequest) -> HttpResponse:
    """Return the page that lists the newest mail."""
    mails = folder().newest(SHOWN)
    return render(request, "caught_mail/list.html", {"mails": mails, "shown": SHOWN})


@for_mail_readers
def message(request: HttpRequest, identifier: str) -> HttpResponse:
    """Return the page of one mail."""
    return render(request, "caught_mail/message.html", {"mail": find(identifier)})


@for_mail_readers
@xframe_options_sameorigin
@csp_override(MAIL_POLICY)
def message_html(request: HttpRequest, identifier: str) -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """Return the HTML of a mail by itself, for the frame in its page."""
    html = find(identifier).html
    if html is None:
        raise Http404
    # Most pages refuse to open in a frame, so links open in a new tab.
    return HttpResponse(f'<base target="_blank">{html}')


def folder() -> MailFolder:
    """Return the folder of the mail backend."""
    return MailFolder(settings.CAUGHT_MAIL_DIRECTORY)


def find(identifier: str) -> CaughtMessage:
    """Return the mail. Raise Http404 if it does not exist."""
    found = folder().get(identifier)
    if found is None:
        raise Http404
    return found
