"""The limits of requests."""

import pytest
from bedplate.django.api import limits
from django.test import Client
from pytest_django import Settings
from users.models import User

from applications.api.conftest import client_with, token_of


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests run in one window."""
    monkeypatch.setattr("bedplate.django.api.limits.time.time", lambda: 1_000_030.0)


def statuses(client: Client, count: int, **headers: str) -> list[int]:
    return [client.get("/api/me", headers=headers).status_code for _ in range(count)]


def test_all_tokens_of_a_user_share_a_limit(user: User, other: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_USER = 2
    assert statuses(client_with(token_of(user)), 2) == [200, 200]
    refused = client_with(token_of(user)).get("/api/me")
    assert (refused.status_code, refused["Retry-After"]) == (429, "50")
    assert refused["Content-Type"] == "application/problem+json"
    assert statuses(client_with(token_of(other)), 1) == [200]


def test_an_address_has_a_limit_also_with_wrong_tokens(db: None, settings: Settings) -> None:
    settings.API_REQUESTS_PER_ADDRESS = 2
    settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP"
    assert statuses(client_with("wrong"), 3) == [401, 401, 429]
    assert statuses(client_with("wrong"), 1, **{"X-Real-IP": "192.0.2.2"}) == [401]


def test_a_client_cannot_choose_its_address(db: None, settings: Settings) -> None:
    """Behind nginx, which overwrites X-Real-IP, X-Forwarded-For counts nowhere."""
    settings.API_REQUESTS_PER_ADDRESS = 1
    settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP"
    assert statuses(client_with("wrong"), 1, **{"X-Forwarded-For": "198.51.100.1"}) == [401]
    assert statuses(client_with("wrong"), 1, **{"X-Forwarded-For": "198.51.100.2"}) == [429]


def test_all_addresses_of_an_ipv6_network_share_a_limit(db: None, settings: Settings) -> None:
    settings.API_REQUESTS_PER_ADDRESS = 1
    settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP"
    assert statuses(client_with("wrong"), 1, **{"X-Real-IP": "2001:db8::1"}) == [401]
    assert statuses(client_with("wrong"), 1, **{"X-Real-IP": "2001:db8::ffff:2"}) == [429]
    assert statuses(client_with("wrong"), 1, **{"X-Real-IP": "2001:db8:0:1::1"}) == [401]


def test_the_next_window_begins_from_zero() -> None:
    assert [limits.wait_for("user", 1, 1, now=30.0) for _ in range(2)] == [0, 30]
    assert limits.wait_for("user", 1, 1, now=60.0) == 0
