"""How a request to the API names its user: with a token, or with the session of the site."""

from typing import Any, override

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError, HttpError
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from bedplate.django.api.models import ApiToken


class TokenAuthentication(HttpBearer):
    """`Authorization: Bearer api_…`: the token of a user. It needs no CSRF token: browsers add no such header."""

    @override
    def __call__(self, request: HttpRequest) -> Any | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.openapi_scheme:  # Basic: the browser's answer to the password of DEV
            return None
        found = self.authenticate(request, token)
        if found is None:  # a wrong token is an error, even with a valid session
            raise AuthenticationError
        return found

    @override
    def authenticate(self, request: HttpRequest, token: str) -> Any | None:
        found = ApiToken.objects.authenticate(token.strip(), now=timezone.now())
        if found:
            request.user = found.user
        return found and found.user


class SessionAuthentication(APIKeyCookie):
    """The cookie of someone who is signed in on the site. A request that changes something needs the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    @override
    def __call__(self, request: HttpRequest) -> Any | None:
        if self.param_name not in request.COOKIES or not request.user.is_authenticated:
            return None
        if check_csrf(request):
            raise HttpError(403, "The CSRF token is missing or wrong.")
        return request.user

    @override
    def authenticate(self, request: HttpRequest, key: str | None) -> Any | None:
        return request.user
