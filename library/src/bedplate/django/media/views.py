"""The page of the user's documents, and access to uploaded files.

Private files are named `<owner>/…` in the default storage: the name determines the owner. Files there with other names
are not served to anyone. Public files are in the storage `public`.
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
from django.views.decorators.http import require_http_methods, require_safe

from bedplate.django.media.forms import DocumentForm
from bedplate.django.media.models import Document

# nginx has the same two for public files (snippets/media.conf): an upload must never run scripts on the site's origin.
FILE_POLICY: Final[dict[str, list[str]]] = {"default-src": [CSP.NONE], "frame-ancestors": [CSP.NONE], "sandbox": [""]}
SHOWN_IN_BROWSER: Final = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def documents(request: HttpRequest) -> HttpResponse:
    """Return the page of the user's documents; save a new one on POST."""
    user: Any = request.user
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = DocumentForm(sent[0], sent[1], instance=Document(owner=user))
    if form.is_valid():
        form.save()
        messages.success(request, _("The document is saved."))
        return redirect("documents")
    return render(request, "media/documents.html", {"form": form, "documents": user.documents.all()})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to delete a document of the user; delete it on POST. 404 for documents of others."""
    document = get_object_or_404(Document, pk=pk, owner=cast("Any", request.user))
    if request.method != "POST":
        return render(request, "media/delete_document.html", {"document": document})
    document.delete()
    messages.success(request, _("The document is deleted."))
    return redirect("documents")


@login_required
@never_cache
@csp_override(FILE_POLICY)
@require_safe
def private_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a private file to its owner; 404 to others, as if it did not exist."""
    if name.partition("/")[0] != str(request.user.pk):
        raise Http404
    require_file(default_storage, name)
    if settings.ENVIRONMENT.embedded:
        return answer_with_file(default_storage, name, shown_as=name_for_owner(request, name))
    # nginx sends the file, with support for ranges; no application process waits for a slow client.
    response = HttpResponse(content_type=type_of(name), headers={"X-Accel-Redirect": f"/_private/{quote(name)}"})
    if disposition := content_disposition_header(not shown_in_browser(name), name_for_owner(request, name)):
        response["Content-Disposition"] = disposition
    return response


@csp_override(FILE_POLICY)
@require_safe
def public_file(_request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a public file. With nginx in front, nginx serves it from the disk instead."""
    require_file(storages["public"], name)
    return answer_with_file(storages["public"], name, shown_as=posixpath.basename(name))


def name_for_owner(request: HttpRequest, name: str) -> str:
    """Return the name that a file is saved under: a document has the one that its owner gave it."""
    user: Any = request.user
    document = user.documents.filter(file=name).first()
    return str(document) if document else posixpath.basename(name)


def require_file(storage: Storage, name: str) -> None:
    """Raise Http404 unless `name` is the normalized path of an existing file: not `1/../2/secret`."""
    if {"", ".", ".."} & set(name.split("/")) or not Path(storage.path(name)).is_file():
        raise Http404


def answer_with_file(storage: Storage, name: str, *, shown_as: str) -> FileResponse:
    """Return the response with the file's contents, which a browser saves under the name `shown_as`."""
    return FileResponse(storage.open(name), as_attachment=not shown_in_browser(name), filename=shown_as)


def type_of(name: str) -> str:
    """Return the content type for the file's name. A compressed file (`page.html.gz`) is not of its content's type."""
    found, encoding = mimetypes.guess_type(name)
    return found if found and not encoding else "application/octet-stream"


def shown_in_browser(name: str) -> bool:
    """Return whether a browser may show the file. HTML, SVG and PDF may have scripts: they are downloaded."""
    return type_of(name) in SHOWN_IN_BROWSER
