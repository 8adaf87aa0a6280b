"""Acting as a user ends: by Stop, after an hour, when someone's rights change."""

import time

import pytest
from bedplate.django.accounts.impersonation import LIMIT_SECONDS
from bedplate.django.accounts.models import Impersonation
from django.contrib.auth import get_user
from django.test import Client
from users.models import User

from applications.accounts.conftest import STOP, acts_as

pytestmark = pytest.mark.usefixtures("own_cache")


def test_signing_out_ends_it_and_signs_the_superuser_out(acting: Client) -> None:
    acting.post("/accounts/logout/")
    assert not get_user(acting).is_authenticated
    assert Impersonation.objects.get().ended


def test_a_request_that_saves_the_old_session_after_the_end_does_not_bring_it_back(acting: Client) -> None:
    session = acting.session
    assert session["impersonation"]  # loaded by another request, which takes longer
    acting.post(STOP)
    session.save()
    assert acts_as(acting) == "grace@example.org"


def make_old(client: Client) -> None:
    session = client.session
    session["impersonation"] |= {"since": time.time() - LIMIT_SECONDS}
    session.save()


def test_a_form_that_is_sent_after_the_end_does_not_change_what_is_the_superusers(acting: Client, staff: User) -> None:
    make_old(acting)
    refused = acting.post("/tasks/", {"seconds": 1})
    assert (refused.status_code, staff.task_runs.exists()) == (403, False)
    assert "You act as yourself again." in refused.content.decode()


def test_it_ends_after_an_hour(acting: Client, staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(acting)
    assert acts_as(acting) == staff.email
    assert Impersonation.objects.get().ended


@pytest.mark.parametrize(
    ("who", "change"),
    [("user", {"is_superuser": True}), ("user", {"is_active": False}), ("staff", {"is_superuser": False})],
)
def test_it_ends_when_someone_changes(
    acting: Client, user: User, staff: User, who: str, change: dict[str, bool]
) -> None:
    User.objects.filter(pk={"user": user, "staff": staff}[who].pk).update(**change)
    assert acts_as(acting) == staff.email
    assert Impersonation.objects.get().ended


def test_it_ends_with_the_superusers_account(acting: Client, user: User, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)
    assert acts_as(acting) == ""
