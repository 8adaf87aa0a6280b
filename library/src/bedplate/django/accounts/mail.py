"""Mail that a request asks for: a worker renders and sends it.

So a page takes as long, and answers the same, whether an address has an account or not, and whether the mail server
answers or not. The queue holds an address and where the visitor was: links with their tokens are made by the worker.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.core.context import request_context
from django.http import HttpRequest
from django.utils import translation

from bedplate.django.operations.recorded import RecordedTask


class MailTask(RecordedTask):
    """A task that sends mail. While the mail server is away it tries again, for some six hours in all."""

    autoretry_for = (OSError,)  # SMTPException is one
    retry_backoff = 15  # seconds, doubled each time
    retry_backoff_max = 3600
    max_retries = 12

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override] # the stubs list the options
        """Queue the task. The worker's events show no address."""
        hidden = {"argsrepr": "(hidden)", "kwargsrepr": "(hidden)"}
        return super().apply_async(args, kwargs, **options | hidden)


class MailRequest(HttpRequest):
    """Stands in for the visitor's request while a worker makes the mail: links lead to where the visitor was."""

    def __init__(self, *, host: str, scheme: str) -> None:
        super().__init__()
        self.method = "GET"
        self.META = {"HTTP_HOST": host, "HTTP_X_FORWARDED_PROTO": scheme}


def describe_visit(request: HttpRequest) -> dict[str, str]:
    """Return what a mail needs to know about the visitor: host, scheme and language."""
    return {
        "host": request.get_host(),
        "scheme": request.scheme or "http",
        "language": translation.get_language() or "",
    }


@contextmanager
def visiting(*, host: str, scheme: str, language: str) -> Iterator[MailRequest]:
    """Give django-allauth a request like the visitor's, and texts in the visitor's language."""
    request = MailRequest(host=host, scheme=scheme)
    with request_context(request), translation.override(language or None):
        yield request
