"""Mail of requests: a worker renders it, and writes it to the outbox.

So a page takes the same time and gives the same response, whether an address has an account or not, and whether the
mail server answers or not. The queue has the address and the visitor's host: the worker creates the links with tokens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.core.context import request_context
from django.http import HttpRequest
from django.utils import translation

from bedplate.django.operations.run_tracking import TrackedTask


class MailTask(TrackedTask):
    """A task that renders mail: it is written to the outbox once, however often the task starts."""

    atomic = True

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:  # type: ignore[override] # the stubs list the options
        """Queue the task. The worker's events show no address."""
        hidden = {"argsrepr": "(hidden)", "kwargsrepr": "(hidden)"}
        return super().apply_async(args, kwargs, **options | hidden)


class MailRequest(HttpRequest):
    """Replaces the visitor's request while a worker renders the mail: links have the visitor's host and scheme."""

    def __init__(self, *, host: str, scheme: str) -> None:
        super().__init__()
        self.method = "GET"
        self.META = {"HTTP_HOST": host, "HTTP_X_FORWARDED_PROTO": scheme}


def describe_visit(request: HttpRequest) -> dict[str, str]:
    """Return the host, the scheme and the language of the request, for mails."""
    return {
        "host": request.get_host(),
        "scheme": request.scheme or "http",
        "language": translation.get_language() or "",
    }


@contextmanager
def visiting(*, host: str, scheme: str, language: str) -> Iterator[MailRequest]:
    """Give django-allauth a request like the visitor's, and activate the visitor's language."""
    request = MailRequest(host=host, scheme=scheme)
    with request_context(request), translation.override(language or None):
        yield request
