"""Examples of components: a form, a table with search and paging, progress, a chart. Each works without JavaScript.

To remove them: library/docs/how-to/remove-the-examples.md
"""

import json
from http import HTTPStatus
from typing import Any, Final

from bedplate.django.media.models import Document
from bedplate.django.operations.forms import SampleForm
from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.tasks import sample
from bedplate.django.operations.views import announce
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

DOCUMENTS_PER_PAGE: Final = 10
RUNS_SHOWN: Final = 20


class SearchForm(forms.Form):
    """What to search for. Every field checks its length, and refuses NUL, which PostgreSQL cannot store."""

    q = forms.CharField(
        label=gettext_lazy("Search by name"),
        max_length=100,
        required=False,
        widget=forms.TextInput({"type": "search"}),
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def examples(request: HttpRequest) -> HttpResponse:
    """Return the page. POST starts the sample task: a component that sent it gets JSON, a browser is redirected."""
    form = SampleForm(request.POST if request.method == "POST" else None)
    asks_for_json = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    if form.is_valid():
        run = sample.start(**form.cleaned_data, requested_by=request.user)
        if asks_for_json:
            return JsonResponse(progress_of(run), status=HTTPStatus.CREATED)
        announce(request, run)
        return redirect("examples")
    if form.is_bound and asks_for_json:
        return JsonResponse({"errors": form.errors}, status=HTTPStatus.BAD_REQUEST)
    search, page = find_documents(request)
    runs = list(TaskRun.objects.filter(requested_by=request.user.pk, name=sample.name)[:RUNS_SHOWN])
    bars = [bar_of(run) for run in reversed(runs) if run.finished]
    props = {
        "form_props": form_props(request, form),
        "table_props": {
            "url": reverse("example-documents"),
            "first": page_data(search, page),
            "labels": table_labels(),
        },
        "progress_props": {"runs": [progress_of(run) for run in runs if run.unfinished], "labels": progress_labels()},
        "chart_props": {"bars": bars, "title": _("Duration of the latest tasks")},
    }
    context = {"form": form, "search": search, "page": page, "count": count_label(page), "runs": runs, "bars": bars}
    context |= {name: json.dumps(value, cls=DjangoJSONEncoder) for name, value in props.items()}
    return render(request, "pages/examples.html", context)


@login_required
@never_cache
@require_safe
def documents(request: HttpRequest) -> JsonResponse:
    """Return one page of the user's documents that match the search, as JSON."""
    return JsonResponse(page_data(*find_documents(request)))


def find_documents(request: HttpRequest) -> tuple[SearchForm, "Page[Document]"]:
    """Return the search, and the page of the user's documents that match it. An invalid search finds none."""
    search = SearchForm(request.GET)
    found: Any = Document.objects.filter(owner=request.user.pk).order_by("-uploaded", "-pk")
    found = found.filter(name__icontains=search.cleaned_data["q"]) if search.is_valid() else found.none()
    return search, Paginator(found, DOCUMENTS_PER_PAGE).get_page(request.GET.get("page"))


def page_data(search: SearchForm, page: "Page[Document]") -> dict[str, Any]:
    """Return the page for the component `DocumentTable`."""
    return {
        "query": search.data.get("q", ""),
        "errors": search.errors.get("q", []),
        "count": count_label(page),
        "number": page.number,
        "pages": page.paginator.num_pages,
        "documents": [
            {
                "id": document.pk,
                "name": str(document),
                "url": document.file.url,
                "size": filesizeformat(document.size),
                "uploaded": date_format(timezone.localtime(document.uploaded), "SHORT_DATETIME_FORMAT"),
            }
            for document in page
        ],
    }


def count_label(page: "Page[Document]") -> str:
    """Return the number of documents in words."""
    count = page.paginator.count
    return ngettext("%(count)d document", "%(count)d documents", count) % {"count": count}


def progress_of(run: TaskRun) -> dict[str, Any]:
    """Return a run for the component `TaskProgress`, which reads its progress from `url`."""
    return {
        "url": reverse("task-run", args=[run.pk]),
        "name": date_format(timezone.localtime(run.created), "SHORT_DATETIME_FORMAT"),
        "state": run.state,
        "state_label": run.get_state_display(),
        "percent": run.percent,
    }


def bar_of(run: TaskRun) -> dict[str, Any]:
    """Return a finished run for the chart: its time, state, and duration in seconds."""
    seconds = (run.finished - (run.started or run.created)).total_seconds() if run.finished else 0.0
    return {
        "name": date_format(timezone.localtime(run.created), "SHORT_DATETIME_FORMAT"),
        "state": run.state,
        "state_label": run.get_state_display(),
        "value": seconds,
        "text": _("%(seconds)s s") % {"seconds": number_format(seconds, 1)},
    }


def form_props(request: HttpRequest, form: SampleForm) -> dict[str, Any]:
    """Return the properties of the component `StartTask`: the form's field, and the texts."""
    field = form["seconds"]
    return {
        "action": reverse("examples"),
        "token": get_token(request),
        "field": {"name": field.name, "label": field.label, "value": field.value(), **field.field.widget.attrs},
        "labels": {
            "start": _("Start"),
            "started": _("The task is queued."),
            "failed": _("The site does not answer. Try again."),
        },
    }


def table_labels() -> dict[str, str]:
    """Return the texts of `DocumentTable`; `{…}` is replaced there."""
    return {
        "search": _("Search by name"),
        "name": _("Name"),
        "size": _("Size"),
        "uploaded": _("Uploaded"),
        "newer": _("Newer"),
        "older": _("Older"),
        "pages": _("Pages"),
        "page": _("Page {number} of {pages}"),
        "empty": _("No document has this name."),
        "failed": _("The site does not answer. Try again."),
    }


def progress_labels() -> dict[str, str]:
    """Return the texts of `TaskProgress`."""
    return {"empty": _("No task is running. Start one above."), "title": _("Progress")}
