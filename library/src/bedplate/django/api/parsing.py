"""The bodies of requests."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Never, override

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

JSON: Final = ("application/json",)
FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


class StrictParser(Parser):
    """Requires the right content type; reads JSON without NaN, Infinity, and NUL, which PostgreSQL does not store."""

    @override
    def parse_body(self, request: HttpRequest) -> Any:
        require_type(request, JSON)
        body = json.loads(request.body, parse_constant=refuse_constant)
        require_no_nul(body, ("body",))
        return body

    @override
    def parse_querydict(self, data: MultiValueDict, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        if data is not request.GET:
            require_type(request, FORMS)
        values: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        require_no_nul(values, ("query" if data is request.GET else "form",))
        return values


def require_type(request: HttpRequest, allowed: Sequence[str]) -> None:
    """Raise HttpError if the body has another content type."""
    if request.content_type not in allowed:
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {allowed[0]}.")


def refuse_constant(name: str) -> Never:
    """Raise ValueError: `name` (NaN, Infinity) is Python's, not JSON's."""
    raise ValueError(f"{name} is not JSON.")


def require_no_nul(value: Any, location: tuple[str | int, ...]) -> None:
    """Raise ValidationError if a string in this JSON value contains NUL."""
    if isinstance(value, str) and "\0" in value:
        raise ValidationError([{"loc": location, "msg": "NUL is not allowed.", "type": "string_nul"}])
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        require_no_nul(name, location)
        require_no_nul(item, (*location, name))
