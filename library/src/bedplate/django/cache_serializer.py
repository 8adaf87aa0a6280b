"""Stores cached values as JSON, not as pickle, which would run the code of anyone who can write to Valkey.

Supported are None, booleans, numbers, strings, lists, dicts, and responses, for `cache_page`. A tuple is returned as a
list, the keys of a dict as strings, a safe string (HTML) as a plain string.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse
from django.http.response import ResponseHeaders

logger = logging.getLogger(__name__)

UNREADABLE: Final = object()
"""The result of `JSONSerializer.loads` for bytes of another origin."""
RESPONSE_PREFIX: Final = b"response "  # no JSON document starts with it
# View decorators set these (xframe_options_exempt, csp_override, csp_report_only_override); middleware reads them.
RESPONSE_ATTRIBUTES: Final = ("xframe_options_exempt", "_csp_config", "_csp_ro_config")


class JSONSerializer:
    """A serializer for Django's caches (the option `serializer`)."""

    def dumps(self, value: Any) -> int | bytes:
        """Return the stored form of the value. Raise TypeError if it is neither JSON nor a response."""
        if type(value) is int:  # so that the cache can increment it
            return value
        return dump_response(value) if isinstance(value, HttpResponse) else dump_json(value)

    def loads(self, data: int | bytes) -> Any:
        """Return the value, or UNREADABLE."""
        if isinstance(data, int):
            return data
        try:
            return load_response(data) if data.startswith(RESPONSE_PREFIX) else json.loads(data)
        except Exception as error:  # untrusted bytes must not break a page
            logger.warning("A value in the cache is unreadable, and counts as missing: %s", type(error).__name__)
            return UNREADABLE


def dump_json(value: Any, *, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return the value as JSON. Raise TypeError, with a hint, if that is not possible."""
    try:
        return json.dumps(value, default=default).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"The cache stores JSON, and cannot store this {type(value).__qualname__}: {error}. "
            "Convert it first, to strings, numbers, lists, and dicts whose keys are strings."
        ) from error


def dump_response(response: HttpResponse) -> bytes:
    """Return status, headers and body, without cookies: they belong to one visitor."""
    head = {
        "status": response.status_code,
        "headers": {name: value for name, value in response.items() if name.lower() != "set-cookie"},
        "attributes": {name: getattr(response, name) for name in RESPONSE_ATTRIBUTES if hasattr(response, name)},
    }
    return RESPONSE_PREFIX + dump_json(head, default=list) + b"\n" + response.content  # a policy may have sets


def load_response(data: bytes) -> HttpResponse:
    """Return the response from the output of `dump_response`."""
    head, _, body = data.removeprefix(RESPONSE_PREFIX).partition(b"\n")
    parts = json.loads(head)
    response = HttpResponse(body, status=parts["status"])
    response.headers = ResponseHeaders(parts["headers"])
    for name in RESPONSE_ATTRIBUTES:
        if name in parts["attributes"]:
            setattr(response, name, parts["attributes"][name])
    return response
