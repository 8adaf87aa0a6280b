"""Pages about users that django-allauth does not have."""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bedplate.django.accounts.second_factor import is_trusted_staff

READING: Final = {"GET", "HEAD"}
COMMANDS: Final = "operations.control_workers"


@never_cache
@require_safe
def staff_check(request: HttpRequest) -> HttpResponse:
    """Return 204 for staff, 401 for who has not logged in, 403 for others: what nginx's `auth_request` understands.

    What is asked of Flower is in `X-Original-Method`. Whatever does not only read is for who may command workers.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    may = is_trusted_staff(request)
    if request.headers.get("X-Original-Method") not in READING:
        may = may and request.user.has_perm(COMMANDS)
    return HttpResponse(status=HTTPStatus.NO_CONTENT if may else HTTPStatus.FORBIDDEN)
