"""The page of the user's sessions, and the record of their last activity."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from allauth.account.adapter import get_adapter
from allauth.usersessions.internal import flows
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, middleware
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db import InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

ACTIVITY_INTERVAL: Final = timedelta(minutes=5)
# The first word in the browser's description of itself decides: the later ones are in those of others too.
BROWSERS: Final = {
    "Edg/": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


def describe_device(user_agent: str) -> str:
    """Return browser and system: "Firefox, Linux". For an unknown program, return its own words, cut."""
    found = [next((name for word, name in words.items() if word in user_agent), "") for words in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, found)) or user_agent[:60] or _("Unknown device")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """Return the page of the user's sessions. On POST, end one of them (`session`), or all others."""
    found = active_sessions(request.user)
    if request.method != "POST":
        context = {"sessions": [(session, describe_device(session.user_agent)) for session in found]}
        return render(request, "usersessions/usersession_list.html", context)
    chosen = request.POST.get("session", "")
    ended = [each for each in found if (str(each.pk) == chosen if chosen else not each.is_current())]
    flows.sessions.end_sessions(request, ended)
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    if ended:
        number = len(ended)
        text = ngettext("%(number)d session is ended.", "%(number)d sessions are ended.", number) % {"number": number}
        messages.success(request, text)
    return redirect("usersessions_list")


def active_sessions(user: Any) -> list[UserSession]:
    """Return the user's sessions in which someone is signed in, the latest activity first. Delete other rows."""
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at", "-pk"))
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    stored = store.get_model_class().objects.filter(
        session_key__in=[row.session_key for row in rows], expire_date__gt=timezone.now()
    )
    # A session from before a change of the password exists, but nobody is signed in there.
    valid = {each.session_key for each in stored if is_signed_in(each.get_decoded(), user)}
    if ended := [row.pk for row in rows if row.session_key not in valid]:
        UserSession.objects.filter(pk__in=ended).delete()
    return [row for row in rows if row.session_key in valid]


def is_signed_in(session: dict[str, Any], user: Any) -> bool:
    """Return whether the session is valid for the user's present password."""
    given = session.get(HASH_SESSION_KEY, "")
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(given, each) for each in hashes)


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's, but a session keeps its key when it gets a hash of the next SECRET_KEY.

    Django renames it then, which signs a browser out that sends several requests at once; and during a rotation, web
    servers whose keys are in another order would rename it with each request. (`request.auser` is Django's own.)
    """

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, which is found when it is used."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: user_of(request))  # type: ignore[assignment]  # Django does the same


def user_of(request: HttpRequest) -> Any:
    """Return the user of the session, which keeps its key."""
    session: Any = request.session
    session.cycle_key = lambda: None
    try:
        return middleware.get_user(request)
    finally:
        del session.cycle_key


class SessionActivityMiddleware:
    """Records the time, the address and the browser of each session, at most every five minutes.

    django-allauth's own middleware would write for each request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        with suppress(OperationalError, InternalError):  # pages work if the database is unavailable, or read-only
            self.record(request)
        return self.get_response(request)

    @staticmethod
    def record(request: HttpRequest) -> None:
        """Record the activity of a session in which someone is signed in, unless that was done recently."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            key = request.session.session_key or ""
            name = salted_hmac("bedplate.accounts.activity", key, algorithm="sha256").hexdigest()
            if cache.add(f"session-activity-{name}", value=True, timeout=ACTIVITY_INTERVAL.total_seconds()):
                record_activity(request, key)


def record_activity(request: HttpRequest, key: str) -> None:
    """Update the session's row. Create it for a session from before this record existed."""
    user: Any = request.user
    values = {
        "ip": get_adapter().get_client_ip(request),
        "user_agent": request.headers.get("User-Agent", "").replace("\0", "")[:200],
        "last_seen_at": timezone.now(),
    }
    rows = UserSession.objects.filter(session_key=key, user=user)
    if not rows.update(**values):
        new = UserSession(user=user, session_key=key, **values)
        UserSession.objects.bulk_create([new], ignore_conflicts=True)
