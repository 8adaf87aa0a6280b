"""Pages whose address is a secret."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

PAGES: Final = {"account_reset_password_from_key", "account_confirm_email"}


class LinkTokenMiddleware:
    """Keeps the token of a link in a mail out of the `Referer` of what its page loads, and so out of logs.

    The origin remains: browsers send a form of the page only with that, or what CSRF protection takes for another site.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, with another referrer policy for such a page."""
        response = self.get_response(request)
        if request.resolver_match and request.resolver_match.url_name in PAGES:
            response["Referrer-Policy"] = "strict-origin"
        return response
