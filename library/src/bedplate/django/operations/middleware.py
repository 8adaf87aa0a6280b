"""The answer to a user who has too many tasks."""

from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect

from bedplate.django.operations.models import TooManyTasksError


class TaskLimitMiddleware:
    """Answers TooManyTasksError, from any page: with the page of the user's tasks, or as JSON to a component."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response: see `process_exception`."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Return a redirect to the user's tasks, where they can be canceled, or the error. None for other errors."""
        if not isinstance(error, TooManyTasksError):
            return None
        if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
            errors = {NON_FIELD_ERRORS: [str(error)]}  # like those of a form
            return JsonResponse({"errors": errors}, status=HTTPStatus.TOO_MANY_REQUESTS)
        messages.error(request, str(error))
        return redirect("tasks")
