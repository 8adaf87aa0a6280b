"""What nginx asks before it lets someone in to what is for staff."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from users.models import User

ADDRESS = "/accounts/staff-check"
READING = {"X-Original-Method": "GET"}
COMMAND = {"X-Original-Method": "POST"}


def statuses(client: Client) -> tuple[int, int]:
    """Return the answers for who reads, and for who commands."""
    return client.get(ADDRESS, headers=READING).status_code, client.get(ADDRESS, headers=COMMAND).status_code


@pytest.mark.django_db
def test_who_has_not_logged_in_is_unknown(client: Client) -> None:
    assert statuses(client) == (401, 401)


def test_who_is_not_staff_is_refused(client: Client, user: User) -> None:
    client.force_login(user)
    assert statuses(client) == (403, 403)


def test_a_superuser_is_let_in(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert statuses(client) == (204, 204)


def test_staff_may_read_and_with_the_permission_command(client: Client, user: User) -> None:
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
def test_what_is_not_known_to_read_is_a_command(client: Client, user: User, method: str) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(ADDRESS, headers={"X-Original-Method": method}).status_code == 403
    assert client.get(ADDRESS).status_code == 403


def test_who_is_no_longer_active_is_unknown(client: Client, staff: User) -> None:
    client.force_login(staff)
    staff.is_active = False
    staff.save()
    assert statuses(client) == (401, 401)


def test_the_answer_is_never_cached(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert "no-store" in client.get(ADDRESS)["Cache-Control"]
