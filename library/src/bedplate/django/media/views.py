"""The page of the user's documents, and access to uploaded files.

Private files are named `<owner>/…` in the default storage: the name determines the owner. Files there with other names
are not served to anyone. Public files are in the storage `public`. Both are in folders, or in a bucket (MEDIA_URL).
"""

import posixpath
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import Storage, default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control
from django.utils.csp import CSP
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from bedplate.django.media.content_types import shown_in_browser, type_of
from bedplate.django.media.forms import DocumentForm
from bedplate.django.media.models import Document
from bedplate.django.media.storage import in_bucket, public_storage

# nginx has the same for public files in a folder (snippets/media.conf): an upload must never run scripts on the site's
# origin.
FILE_POLICY: Final[dict[str, list[str]]] = {"default-src": [CSP.NONE], "frame-ancestors": [CSP.NONE], "sandbox": [""]}
PUBLIC_LIFE: Final = 300  # seconds, as in nginx: a replaced image shows soon


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def documents(request: HttpRequest) -> HttpResponse:
    """Return the page of the user's documents; save a new one on POST."""
    user: Any = request.user
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = DocumentForm(sent[0], sent[1], instance=Document(owner=user))
    if form.save_if_valid():
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
    return send_file(request, default_storage, name, shown_as=name_for_owner(request, name))


@csp_override(FILE_POLICY)
@require_safe
def public_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return a public file. If it is in a folder, and nginx in front, nginx serves it from the disk instead."""
    storage, shown_as = public_storage(), posixpath.basename(name)
    require_file(storage, name)
    if not in_bucket(storage):
        return answer_with_file(storage, name, shown_as=shown_as)
    response = send_file(request, storage, name, shown_as=shown_as)
    patch_cache_control(response, public=True, max_age=PUBLIC_LIFE)
    return response


def name_for_owner(request: HttpRequest, name: str) -> str:
    """Return the name that a file is saved under: a document has the one that its owner gave it."""
    user: Any = request.user
    document = user.documents.filter(file=name).first()
    return str(document) if document else posixpath.basename(name)


def send_file(request: HttpRequest, storage: Storage, name: str, *, shown_as: str) -> HttpResponseBase:
    """Return the response with which nginx sends the file, with support for ranges; embedded mode has no nginx.

    So no application process waits for a slow client.
    """
    if settings.ENVIRONMENT.embedded:
        return answer_with_file(storage, name, shown_as=shown_as)
    headers = {"X-Accel-Redirect": internal_address(request, storage, name)}
    response = HttpResponse(content_type=type_of(name), headers=headers)
    if disposition := content_disposition_header(not shown_in_browser(name), shown_as):
        response["Content-Disposition"] = disposition
    return response


def internal_address(request: HttpRequest, storage: Any, name: str) -> str:
    """Return nginx's own address of the file: in the folder, or in the bucket, with a signature.

    nginx passes everything after the question mark on as it is (templates/media-bucket.conf.template).
    """
    if not in_bucket(storage):
        return f"/_private/{quote(name)}"
    try:
        signed = storage.signed_address(name, method=request.method)
    except FileNotFoundError:
        raise Http404 from None
    return f"/_bucket/{quote(name)}?{signed}"


def require_file(storage: Storage, name: str) -> None:
    """Raise Http404 unless `name` is the normalized path of an existing file: not `1/../2/secret`.

    Whether it exists in a bucket is known when nginx fetches it.
    """
    if {"", ".", ".."} & set(name.split("/")) or "\0" in name:
        raise Http404
    if not in_bucket(storage) and not Path(storage.path(name)).is_file():
        raise Http404


def answer_with_file(storage: Storage, name: str, *, shown_as: str) -> FileResponse:
    """Return the response with the file's contents, which a browser saves under the name `shown_as`."""
    try:
        file = storage.open(name)
    except FileNotFoundError:
        raise Http404 from None
    return FileResponse(file, as_attachment=not shown_in_browser(name), filename=shown_as)
