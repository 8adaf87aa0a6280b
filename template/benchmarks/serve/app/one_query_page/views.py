"""The measured pages."""

from typing import Final

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from one_query_page.models import Book

ROWS: Final = 20


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Return the site's page with a table of the newest books: one query, 20 rows."""
    return render(request, "one_query_page/page.html", {"books": Book.objects.order_by("-published")[:ROWS]})


@require_GET
def slow_page(request: HttpRequest) -> HttpResponse:
    """Return the same page after another query of one second, or of `seconds` seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [float(request.GET.get("seconds", "1"))])
    return page(request)


@csrf_exempt
@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """Return the size of the posted data. A proxy may not send such a request twice."""
    return HttpResponse(f"{len(request.body)}", content_type="text/plain")
