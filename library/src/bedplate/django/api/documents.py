"""The documents of the user: `api.add_router("/documents", documents.router)`."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast, override

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from ninja import File, Path, Router, Schema, Status, UploadedFile
from ninja.errors import HttpError, ValidationError
from ninja.pagination import paginate

from bedplate.django.api.factory import Paging
from bedplate.django.media.forms import DocumentForm
from bedplate.django.media.models import Document
from bedplate.django.media.views import private_file

BINARY: Final = {
    "responses": {200: {"description": "OK", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}}
}

router = Router(tags=["documents"])


class NonEmptyFile(UploadedFile):
    """A file, which the description says must not be empty; the form checks it."""

    @classmethod
    @override
    def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
        return {"type": "string", "format": "binary", "minLength": 1}


class DocumentOut(Schema):
    """A document of the user."""

    id: int
    name: str
    size: int
    uploaded: datetime
    content: str

    @staticmethod
    def resolve_name(document: Document) -> str:
        """Return the name that the owner gave it."""
        return str(document)

    @staticmethod
    def resolve_content(document: Document) -> str:
        """Return the path of the file."""
        return reverse("api:read_document_content", args=[document.pk])


def own(request: HttpRequest) -> QuerySet[Document]:
    """Return the user's documents."""
    return Document.objects.filter(owner=cast("Any", request.user)).order_by("-uploaded", "-pk")


@router.get("", response=list[DocumentOut])
@paginate(Paging)
def list_documents(request: HttpRequest) -> QuerySet[Document]:
    """List the documents, the latest first."""
    return own(request)


@router.post("", response={HTTPStatus.CREATED: DocumentOut})
def upload_document(request: HttpRequest, file: File[NonEmptyFile]) -> Status:
    """Upload a document."""
    form = DocumentForm(None, MultiValueDict({"file": [file]}), instance=Document(owner=cast("Any", request.user)))
    if not form.save_if_valid():
        if form.non_field_errors():  # there are too many
            raise HttpError(HTTPStatus.CONFLICT, str(form.non_field_errors()[0]))
        errors = form.errors.get_json_data()["file"]
        raise ValidationError(
            [{"loc": ("body", "file"), "msg": item["message"], "type": item["code"]} for item in errors]
        )
    return Status(HTTPStatus.CREATED, form.instance)


@router.get("/{int:document_id}", response=DocumentOut)
def read_document(request: HttpRequest, document_id: Path[int]) -> Document:
    """Return a document."""
    return get_object_or_404(own(request), pk=document_id)


@router.get("/{int:document_id}/content", url_name="read_document_content", openapi_extra=BINARY)
def read_document_content(request: HttpRequest, document_id: Path[int]) -> HttpResponseBase:
    """Download the file."""
    return private_file(request, str(get_object_or_404(own(request), pk=document_id).file.name))


@router.delete("/{int:document_id}", response={HTTPStatus.NO_CONTENT: None})
def delete_document(request: HttpRequest, document_id: Path[int]) -> Status:
    """Delete a document and its file."""
    get_object_or_404(own(request), pk=document_id).delete()
    return Status(HTTPStatus.NO_CONTENT, None)
