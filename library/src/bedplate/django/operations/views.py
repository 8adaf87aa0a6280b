"""The page that starts the sample task and shows the runs of background tasks, and its JSON."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bedplate.django.accounts.views import CONTROL_WORKERS
from bedplate.django.operations import run_control
from bedplate.django.operations.forms import SampleForm
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample

RUNS_PER_PAGE: Final = 20


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tasks(request: HttpRequest) -> HttpResponse:
    """Return the page of the runs that the user may see; start the sample task on POST."""
    form = SampleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        announce(request, sample.start(**form.cleaned_data, requested_by=request.user))
        return redirect("tasks")
    runs = TaskRun.objects.visible_to(request.user).select_related("requested_by")
    page = Paginator(runs, RUNS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "operations/tasks.html", {"form": form, "page": page})


@login_required
@never_cache
@require_GET
def task_run(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Return one run as JSON, to its owner and to staff; 404 to others, as if it did not exist."""
    run = get_object_or_404(TaskRun.objects.visible_to(request.user), pk=pk)
    return JsonResponse(serialize(run, staff=request.user.is_staff))


@login_required
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel a run: one's own, or any with the permission for it. A run that the user may not see does not exist."""
    run = get_object_or_404(TaskRun.objects.visible_to(request.user), pk=pk)
    if run.requested_by_id != request.user.pk and not request.user.has_perm(CONTROL_WORKERS):
        raise PermissionDenied
    if run_control.cancel(pk):
        messages.success(request, _("The task is canceled."))
    else:
        messages.warning(request, _("The task cannot be canceled: it has finished."))
    return redirect("tasks")


def announce(request: HttpRequest, run: TaskRun) -> None:
    """Show the user a message that the run is queued, or waits for the queue."""
    if run.due is None:
        messages.warning(request, _("The task queue is unavailable. The task will start once it is available again."))
    else:
        messages.success(request, _("The task is queued."))


def serialize(run: TaskRun, *, staff: bool) -> dict[str, Any]:
    """Return the run for `static/js/task_progress.js`; times are ISO 8601 or null. Only staff get unexpected errors."""
    return {
        "id": run.pk,
        "name": run.name,
        "title": run.title,
        "state": run.state,
        "state_label": run.get_state_display(),
        "percent": run.percent,
        "message": run.message,
        "error": run.error if staff else run.plain_error,
        "can_be_canceled": run.can_be_canceled,
        "created": run.created,
        "started": run.started,
        "finished": run.finished,
        "finished_label": date_format(timezone.localtime(run.finished), "SHORT_DATETIME_FORMAT")
        if run.finished
        else "",
    }
