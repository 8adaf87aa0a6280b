"""How values are stored in a cache: as JSON, not as pickle, which runs the code of anyone who can write to Valkey.

What can be cached: None, booleans, numbers, strings, and lists and dicts of these. A tuple comes back as a list, the
keys of a dict as strings, HTML that is marked as safe as a plain string. Responses can be cached too, for `cache_page`.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse
from django.http.response import ResponseHeaders

logger = logging.getLogger(__name__)

UNREADABLE: Final = object()
"""What `JSONSerializer.loads` returns for bytes that it has not written."""
RESPONSE_PREFIX: Final = b"response "  # no JSON document starts with it
# Decorators of views set these (xframe_options_exempt, csp_override, csp_report_only_override); middleware reads them.
RESPONSE_ATTRIBUTES: Final = ("xframe_options_exempt", "_csp_config", "_csp_ro_config")


class JSONSerializer:
    """A serializer for Django's caches (the option `serializer`)."""

    def dumps(self, value: Any) -> int | bytes:
        """Return what is stored for the value. Raise TypeError if it is neither JSON nor a response."""
        if type(value) is int:  # stays a number: the cache can increment it
            return value
        return dump_response(value) if isinstance(value, HttpResponse) else dump_json(value)

    def loads(self, data: int | bytes) -> Any:
        """Return the value, or UNREADABLE."""
        if isinstance(data, int):
            return data
        try:
            return load_response(data) if data.startswith(RESPONSE_PREFIX) else json.loads(data)
        except Exception as error:  # the bytes may be anybody's: no page may fail because of them
            logger.warning("A value in the cache is unreadable, and counts as not there: %s", type(error).__name__)
            return UNREADABLE


def dump_json(value: Any, *, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return the value as JSON. Raise TypeError if it cannot be, with what to do."""
    try:
        return json.dumps(value, default=default).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"The cache stores JSON, and cannot store this {type(value).__qualname__}: {error}. "
            "Convert it first, to strings, numbers, lists, and dicts whose keys are strings."
        ) from error


def dump_response(response: HttpResponse) -> bytes:
    """Return status, headers and body. Cookies are left out, as headers too: they were one visitor's."""
    head = {
        "status": response.status_code,
        "headers": {name: value for name, value in response.items() if name.lower() != "set-cookie"},
        "attributes": {name: getattr(response, name) for name in RESPONSE_ATTRIBUTES if hasattr(response, name)},
    }
    return RESPONSE_PREFIX + dump_json(head, default=list) + b"\n" + response.content  # a policy may have sets


def load_response(data: bytes) -> HttpResponse:
    """Return the response that `dump_response` was given."""
    head, _, body = data.removeprefix(RESPONSE_PREFIX).partition(b"\n")
    parts = json.loads(head)
    response = HttpResponse(body, status=parts["status"])
    response.headers = ResponseHeaders(parts["headers"])
    for name in RESPONSE_ATTRIBUTES:
        if name in parts["attributes"]:
            setattr(response, name, parts["attributes"][name])
    return response
