"""`robots.txt` and `sitemap.xml`, for search engines."""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_safe


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Return the rules: PROD may be indexed, and names its sitemap; the other environments may not."""
    lines = ["User-agent: *", "Disallow: /"]
    if settings.ENVIRONMENT.environment == "prod":
        lines = ["User-agent: *", "Disallow:", f"Sitemap: {request.build_absolute_uri('/sitemap.xml')}"]
    return HttpResponse("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")


@require_safe
def sitemap(request: HttpRequest, names: Sequence[str]) -> HttpResponse:
    """Return the sitemap (https://www.sitemaps.org/protocol.html) with the pages of these URL names."""
    pages = "".join(f"<url><loc>{escape(request.build_absolute_uri(reverse(name)))}</loc></url>\n" for name in names)
    content = f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{pages}</urlset>
"""
    return HttpResponse(content, content_type="application/xml; charset=utf-8")
