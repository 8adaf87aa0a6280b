"""Pages about users that django-allauth does not have."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def staff_check(request: HttpRequest) -> HttpResponse:
    """Return 204 for staff, 401 for who has not logged in, 403 for others: what nginx's `auth_request` understands."""
    if not request.user.is_authenticated:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return HttpResponse(status=HTTPStatus.NO_CONTENT if request.user.is_staff else HTTPStatus.FORBIDDEN)
