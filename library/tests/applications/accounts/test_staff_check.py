"""nginx's subrequest for pages that are for staff only."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from users.models import User

ADDRESS = "/accounts/staff-check"
READING = {"X-Original-Method": "GET"}
COMMAND = {"X-Original-Method": "POST"}


def statuses(client: Client) -> tuple[int, int]:
    """Return the statuses for a safe method, and for a command."""
    return client.get(ADDRESS, headers=READING).status_code, client.get(ADDRESS, headers=COMMAND).status_code


@pytest.mark.django_db
def test_an_anonymous_user_gets_401(client: Client) -> None:
    assert statuses(client) == (401, 401)


def test_who_is_not_staff_is_refused(client: Client, user: User) -> None:
    client.force_login(user)
    assert statuses(client) == (403, 403)


def test_a_superuser_is_allowed(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert statuses(client) == (204, 204)


def test_staff_may_read_and_need_a_permission_for_commands(client: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert statuses(client) == (204, 403)
    user.user_permissions.add(Permission.objects.get(codename="control_workers"))
    assert statuses(client) == (204, 204)
    user.is_staff = False
    user.save()
    assert statuses(client) == (403, 403)


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "get", ""])
def test_every_method_that_is_not_safe_is_a_command(client: Client, user: User, method: str) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(ADDRESS, headers={"X-Original-Method": method}).status_code == 403
    assert client.get(ADDRESS).status_code == 403


def test_an_inactive_user_gets_401(client: Client, staff: User) -> None:
    client.force_login(staff)
    staff.is_active = False
    staff.save()
    assert statuses(client) == (401, 401)


def test_the_response_is_never_cached(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert "no-store" in client.get(ADDRESS)["Cache-Control"]
