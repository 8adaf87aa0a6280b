"""The API's resource of the user."""

from datetime import timedelta

import pytest
from bedplate.django.api.models import ApiToken
from django.test import Client
from django.utils import timezone

from users.models import User

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def api(client: Client, user: User) -> Client:
    """Return a client with a token of the user."""
    _token, text = ApiToken.objects.issue(user, name="test", expires=timezone.now() + timedelta(days=1))
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    return client


def test_users_see_themselves(api: Client, user: User) -> None:
    assert api.get("/api/me").json() == {"email": user.email, "name": ""}


def test_users_change_their_name_only(api: Client, user: User) -> None:
    assert api.patch("/api/me", {"name": "Ada"}, content_type="application/json").json()["name"] == "Ada"
    changes = {"name": "Bob", "email": "bob@example.org"}
    assert api.patch("/api/me", changes, content_type="application/json").status_code == 422
    user.refresh_from_db()
    assert (user.name, user.email) == ("Ada", "ada@example.org")


def test_a_name_has_a_maximum_length(api: Client) -> None:
    response = api.patch("/api/me", {"name": "a" * 151}, content_type="application/json")
    assert response.json()["errors"][0]["location"][-1] == "name"


def test_a_name_is_on_one_line(api: Client, user: User) -> None:
    changes = {"name": " Ada\r\nBcc: all@example.org\u2028"}
    assert api.patch("/api/me", changes, content_type="application/json").json()["name"] == "Ada Bcc: all@example.org"
