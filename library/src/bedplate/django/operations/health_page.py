"""The health of every service, on a page for people. Programs read the JSON of `health`."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bedplate.django.accounts.second_factor import is_trusted_staff
from bedplate.django.operations.health import background_checks, site_checks


@never_cache
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """Return the page: for everyone on a site that is reachable from this machine only, elsewhere for staff.

    Its frame needs no session, so that in LOCAL and embedded mode it is shown while the database is unavailable.
    """
    if not settings.ENVIRONMENT.private and not is_trusted_staff(request):
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.get_full_path())
    rows = [describe(name, check) for name, check in (site_checks() | background_checks()).items()]
    context = {
        "rows": rows,
        "is_well": all(row["is_ok"] for row in rows),
        "has_background": not settings.ENVIRONMENT.embedded,
    }
    return render(request, "operations/health.html", context)


def describe(name: str, check: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the page: the name, the state and a detail of a check, in the current language."""
    names = {
        "database": gettext("Database"),
        "cache": gettext("Cache"),
        "broker": gettext("Task queue"),
        "worker": gettext("Worker"),
        "cron": gettext("Cron"),
        "collations": gettext("Order of texts in indexes"),
    }
    detail = check.get("error", "")
    if "duration_ms" in check:
        detail = gettext("answered in %(number)s ms") % {"number": check["duration_ms"]}
    if "silent_s" in check:
        detail = gettext("last heartbeat %(number)s s ago") % {"number": round(check["silent_s"])}
    return {"name": names.get(name, name), "is_ok": check["status"] == "ok", "detail": detail}
