"""The page of one's own documents, and the way to uploaded files.

Private files are named `<owner>/…` in the default storage: the name says whose they are. Whatever a model keeps there
under another name is for nobody. Public files are in the storage `public`.
"""

import mimetypes
import posixpath
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import Storage, default_storage, storages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.csp import CSP
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bedplate.django.media.forms import DocumentForm
from bedplate.django.media.models import Document

# nginx has the same two for public files (snippets/media.conf): an upload never acts in the site's name.
FILE_POLICY: Final[dict[str, list[str]]] = {"default-src": [CSP.NONE], "frame-ancestors": [CSP.NONE], "sandbox": [""]}
SHOWN_IN_BROWSER: Final = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def documents(request: HttpRequest) -> HttpResponse:
    """Return the page of the user's documents; keep another one on POST."""
    user: Any = request.user
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = DocumentForm(sent[0], sent[1], instance=Document(owner=user))
    if form.is_valid():
        form.save()
        messages.success(request, _("The document is kept."))
        return redirect("documents")
    return render(request, "media/documents.html", {"form": form, "documents": user.documents.all()})


@login_required
@require_POST
def delete_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one of the user's documents; 404 for those of others, as if they were not there."""
    get_object_or_404(Document, pk=pk, owner=cast("Any", request.user)).delete()
    messages.success(request, _("The document is deleted."))
    return redirect("documents")


@login_required
@never_cache
@csp_override(FILE_POLICY)
@require_safe
def private_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a private file to its owner; 404 to others, as if it were not there."""
    if name.partition("/")[0] != str(request.user.pk):
        raise Http404
    require_file(default_storage, name)
    if settings.ENVIRONMENT.embedded:
        return answer_with_file(default_storage, name)
    # nginx sends it, in ranges if asked to; no process of the application waits for a slow client.
    response = HttpResponse(content_type=type_of(name), headers={"X-Accel-Redirect": f"/_private/{quote(name)}"})
    if disposition := content_disposition_header(not shown_in_browser(name), posixpath.basename(name)):
        response["Content-Disposition"] = disposition
    return response


@csp_override(FILE_POLICY)
@require_safe
def public_file(_request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a public file: where no nginx stands in front, which has them from the disk."""
    require_file(storages["public"], name)
    return answer_with_file(storages["public"], name)


def require_file(storage: Storage, name: str) -> None:
    """Raise Http404 unless the storage has a file of exactly this name: `1/../2/secret` is none of user 1's."""
    if {"", ".", ".."} & set(name.split("/")) or not Path(storage.path(name)).is_file():
        raise Http404


def answer_with_file(storage: Storage, name: str) -> FileResponse:
    """Return the file's contents."""
    return FileResponse(storage.open(name), as_attachment=not shown_in_browser(name), filename=posixpath.basename(name))


def type_of(name: str) -> str:
    """Return the type that the file's name tells. What is compressed (`page.html.gz`) is not what is in it."""
    found, encoding = mimetypes.guess_type(name)
    return found if found and not encoding else "application/octet-stream"


def shown_in_browser(name: str) -> bool:
    """Return whether a browser may show the file. HTML, SVG and PDF can act: they are for downloading."""
    return type_of(name) in SHOWN_IN_BROWSER
