"""Middleware around the API: the limit for each address, and problem details for what no operation answers."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from bedplate.django.api.limits import wait_for_address
from bedplate.django.api.problems import CONTENT_TYPE, problem

PREFIX: Final = "/api/"
OF_THE_BODY: Final = ("Content-Type", "Content-Length", "Content-Encoding", "Location")


class ApiMiddleware:
    """Answers every error under /api/ with problem details, also those of Django and of other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response; a problem if it is an error in another form."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        if "\0" in request.path_info:
            return problem(HTTPStatus.BAD_REQUEST, "NUL is not allowed in an address.")
        if wait := wait_for_address(request):
            refusal = problem(HTTPStatus.TOO_MANY_REQUESTS)
            refusal["Retry-After"] = str(wait)
            return refusal
        response = as_problem(request, self.get_response(request))
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return the response, or a problem with its status and headers if it is an error in another form."""
    if response.status_code == HTTPStatus.FOUND and "text/html" not in request.headers.get("Accept", ""):
        # Of staff without a second factor. A program cannot follow it to a page.
        answer = problem(HTTPStatus.FORBIDDEN, "This session is not completely signed in.")
    elif response.status_code < HTTPStatus.BAD_REQUEST or response.get("Content-Type") == CONTENT_TYPE:
        return response
    else:
        answer = problem(response.status_code)
    for name, value in response.items():
        if name not in OF_THE_BODY:
            answer[name] = value
    answer.cookies = response.cookies
    return answer
