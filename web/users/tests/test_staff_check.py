"""What nginx asks before it lets someone in to what is for staff."""

import pytest
from django.test import Client

from users.models import User

ADDRESS = "/accounts/staff-check"


@pytest.mark.django_db
def test_who_has_not_logged_in_is_unknown(client: Client) -> None:
    assert client.get(ADDRESS).status_code == 401


def test_who_is_not_staff_is_refused(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get(ADDRESS).status_code == 403


def test_staff_is_let_in(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.get(ADDRESS).status_code == 204


def test_who_is_no_longer_active_is_unknown(client: Client, staff: User) -> None:
    client.force_login(staff)
    staff.is_active = False
    staff.save()
    assert client.get(ADDRESS).status_code == 401


def test_the_answer_is_never_cached(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert "no-store" in client.get(ADDRESS)["Cache-Control"]
