"""Views about users in addition to django-allauth's."""

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bedplate.django.accounts.second_factor import is_trusted_staff

SAFE_METHODS: Final = {"GET", "HEAD"}
CONTROL_WORKERS: Final = "operations.control_workers"


@never_cache
@require_safe
def staff_check(request: HttpRequest) -> HttpResponse:
    """Return 204 for staff, 401 without a login, 403 for others: the statuses that nginx's `auth_request` expects.

    `X-Original-Method` is the method of the request to Flower. Unsafe methods need the permission to control workers.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    is_allowed = is_trusted_staff(request)
    if request.headers.get("X-Original-Method") not in SAFE_METHODS:
        is_allowed = is_allowed and request.user.has_perm(CONTROL_WORKERS)
    return HttpResponse(status=HTTPStatus.NO_CONTENT if is_allowed else HTTPStatus.FORBIDDEN)
