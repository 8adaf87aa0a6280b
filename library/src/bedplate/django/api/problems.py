"""Errors as problem details for programs: RFC 9457, `application/problem+json`."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from structlog.contextvars import get_contextvars

from bedplate.django.operations.models import TooManyTasksError

CONTENT_TYPE: Final = "application/problem+json"
STATUSES: Final[Mapping[type[Exception], HTTPStatus]] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    SuspiciousOperation: HTTPStatus.BAD_REQUEST,
    UnreadablePostError: HTTPStatus.BAD_REQUEST,
    RequestDataTooBig: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    Http404: HTTPStatus.NOT_FOUND,
}
# For the description of every operation.
SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "To find the request in the server's logs."},
        "errors": {
            "type": "array",
            "description": "The invalid values.",
            "items": {
                "type": "object",
                "required": ["location", "detail", "code"],
                "properties": {
                    "location": {
                        "type": "array",
                        "description": "Where: body, query or path, then the names.",
                        "items": {"type": ["string", "integer"]},
                    },
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}


def problem(status: int, detail: str = "", errors: Sequence[Mapping[str, Any]] = ()) -> HttpResponse:
    """Return the response for an error; `errors` are the invalid values."""
    content: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail and detail != content["title"]:
        content["detail"] = detail
    if errors:
        content["errors"] = errors
    if request_id := get_contextvars().get("request_id"):
        content["request_id"] = request_id
    response = HttpResponse(json.dumps(content), status=status, content_type=CONTENT_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def of_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    """Return the response for an error that has a status. If a body cannot be read, ninja's error has ours as cause."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return of_invalid_values(request, cause)
    if isinstance(cause, HttpError):
        error = cause
    elif isinstance(cause, RequestDataTooBig):
        return of_exception(request, cause)
    return problem(error.status_code, error.message)


def of_invalid_values(_request: HttpRequest, error: Any) -> HttpResponse:
    """Return the response that names each invalid value."""
    errors = [{"location": item["loc"], "detail": item["msg"], "code": item["type"]} for item in error.errors]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request has invalid values.", errors)


def of_exception(_request: HttpRequest, error: Any) -> HttpResponse:
    """Return the response for one of `STATUSES`; raise other errors, which Django logs, mails and answers."""
    if isinstance(error, TooManyTasksError):
        return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error))
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return problem(STATUSES[kind])
    raise error


def add_handlers(api: NinjaAPI) -> None:
    """Answer all errors of the API's operations with problem details."""
    api.add_exception_handler(HttpError, of_http_error)
    api.add_exception_handler(ValidationError, of_invalid_values)
    api.add_exception_handler(Exception, of_exception)
    api.add_exception_handler(Http404, of_exception)
