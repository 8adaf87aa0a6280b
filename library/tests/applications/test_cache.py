"""The cache while Valkey is unavailable or does not answer."""

import socket
from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from bedplate.django.cache import OPTIONS, OptionalCache
from bedplate.testing.plugin import PASSWORD
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings
from users.models import User


@pytest.fixture(params=["refuses", "is silent"])
def cache(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Move the cache to a port that refuses connections, or accepts them without an answer."""
    monkeypatch.setattr(OptionalCache, "paused_until", {})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "refuses":
            server.close()
        settings.CACHES = {
            "default": {
                "BACKEND": "bedplate.django.cache.OptionalCache",
                "LOCATION": f"redis://127.0.0.1:{port}/1",
                "OPTIONS": OPTIONS | {"socket_timeout": 0.2},
            }
        }
        yield


@pytest.mark.usefixtures("cache")
def test_an_unavailable_cache_is_empty_and_stores_nothing() -> None:
    cache = caches["default"]
    cache.set("name", "value")
    assert cache.get("name", "default") == "default"
    assert cache.add("name", "value") is True
    assert cache.delete("name") is False
    assert cache.touch("name") is False
    assert ("name" in cache) is False
    assert cache.get_or_set("name", lambda: "value") == "value"
    assert (cache.incr("number"), cache.decr("number", 2)) == (1, -2)
    assert cache.get_many(["name"]) == {}
    assert cache.set_many({"name": "value"}) == ["name"]
    cache.delete_many(["name"])
    cache.clear()


@pytest.mark.parametrize("method", ["touch", "has_key", "incr", "clear", "set_many", "delete_many"])
@pytest.mark.usefixtures("cache")
def test_no_method_raises(method: str) -> None:
    """Each method is the first call: no pause after the failure of another one."""
    arguments: dict[str, list[object]] = {"clear": [], "set_many": [{"name": 1}], "delete_many": [["name"]]}
    getattr(caches["default"], method)(*arguments.get(method, ["name"]))


@pytest.mark.usefixtures("cache")
def test_keys_differ_from_those_of_releases_with_pickle() -> None:
    """They used version 1, and would fail on JSON after a rollback."""
    assert caches["default"].make_key("name") == ":2:name"


@pytest.mark.usefixtures("cache")
def test_an_unavailable_cache_is_tried_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        caches["default"].get("name")
    assert caplog.text.count("The cache is unavailable") == 1
    OptionalCache.paused_until.clear()
    caches["default"].get("name")
    assert caplog.text.count("The cache is unavailable") == 2


@pytest.mark.usefixtures("cache")
def test_another_cache_is_not_paused(caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    """The default cache has the rate limits of logins, and must work while another cache is unavailable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        location = f"redis://127.0.0.1:{server.getsockname()[1]}/1"
        settings.CACHES = settings.CACHES | {"pages": settings.CACHES["default"] | {"LOCATION": location}}
        caches["default"].get("name")
        caches["pages"].get("name")
    assert caplog.text.count("The cache is unavailable") == 2


@pytest.mark.usefixtures("cache")
def test_login_and_password_reset_work_without_the_cache(client: Client, user: User) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    assert client.post("/accounts/login/", {"login": user.email, "password": "wrong"}).status_code == 200
    assert client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})["Location"] == "/"
    client.logout()
    for email in (user.email, "bob@example.org"):
        answer = client.post("/accounts/password/reset/", {"email": email})
        assert answer["Location"] == "/accounts/password/reset/done/"
