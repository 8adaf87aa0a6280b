"""The page about operations, its parts, and the commands for tasks."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from bedplate.django.accounts.views import CONTROL_WORKERS
from bedplate.django.operations import run_control
from bedplate.django.operations_page.access import for_staff, has_token
from bedplate.django.operations_page.gathering import Finding, gather_all
from bedplate.django.operations_page.metrics import exposition
from bedplate.django.operations_page.parts import INTERVALS, PARTS, SUMMARY
from bedplate.django.operations_page.task_facts import Tasks

TITLES: Final = {
    "services": gettext_lazy("Services"),
    "tasks": gettext_lazy("Background tasks"),
    "mail": gettext_lazy("Mail"),
    "cron": gettext_lazy("Cron"),
    "backups": gettext_lazy("Backups"),
    "storage": gettext_lazy("Disk and database"),
    "release": gettext_lazy("Release"),
}


@require_safe
@for_staff
def page(request: HttpRequest) -> HttpResponse:
    """Return the page. It is complete without JavaScript, which keeps it up to date."""
    findings = gather_all(list(PARTS.values()))
    parts = [context_of(request, finding) for finding in findings.values()]
    return render(request, "operations_page/page.html", {"parts": parts, **summary(findings)})


@require_safe
@for_staff
def part(request: HttpRequest, name: str) -> HttpResponse:
    """Return the contents of one part, for `static/js/operations.js`."""
    if name == SUMMARY:
        findings = gather_all(list(PARTS.values()))
        return render(request, "operations_page/parts/summary.html", summary(findings))
    if name not in PARTS:
        raise Http404
    context = context_of(request, gather_all([PARTS[name]])[name])
    return render(request, "operations_page/part.html", {"part": context})


def context_of(request: HttpRequest, finding: Finding) -> dict[str, Any]:
    """Return a part for its template."""
    return {
        "name": finding.name,
        "title": TITLES[finding.name],
        "template": f"operations_page/parts/{finding.name}.html",
        "facts": finding.facts,
        "error": finding.error,
        "interval": INTERVALS[finding.name],
        "may_control": isinstance(finding.facts, Tasks)
        and any(kind.runs for kind in finding.facts.kinds)  # a permission takes two queries
        and request.user.has_perm(CONTROL_WORKERS),
    }


def summary(findings: dict[str, Finding]) -> dict[str, Any]:
    """Return the problems of all parts."""
    problems: list[str] = []
    for finding in findings.values():
        if finding.facts:
            problems += finding.facts.problems()
        else:
            failed = {"part": TITLES[finding.name], "error": finding.error}
            problems.append(_("%(part)s: could not be read (%(error)s).") % failed)
    return {"problems": problems, "summary_interval": INTERVALS[SUMMARY]}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics, to programs with the token."""
    if not has_token(request):
        return HttpResponse("A token is needed.\n", status=HTTPStatus.FORBIDDEN, content_type="text/plain")
    return HttpResponse(exposition(gather_all(list(PARTS.values()))), content_type=CONTENT_TYPE_LATEST)


@require_POST
@for_staff
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue a failed run again."""
    failure = _("The task cannot be retried: it is not failed, or was retried already.")
    return command(request, lambda: run_control.retry(pk), success=_("The task is queued again."), failure=failure)


@require_POST
@for_staff
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel a run."""
    failure = _("The task cannot be canceled: it has finished.")
    return command(request, lambda: run_control.cancel(pk), success=_("The task is canceled."), failure=failure)


def command(request: HttpRequest, run: Callable[[], object], *, success: str, failure: str) -> HttpResponse:
    """Carry out a command of a user with the permission for it, show the result, and return to the page."""
    if not request.user.has_perm(CONTROL_WORKERS):
        raise PermissionDenied
    if run():
        messages.success(request, success)
    else:
        messages.warning(request, failure)
    return redirect(f"{reverse('operations')}#tasks")
