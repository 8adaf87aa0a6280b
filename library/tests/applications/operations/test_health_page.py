"""The page with the health of every service, for people."""

from collections.abc import Callable

import pytest
from bedplate.django.operations import health, heartbeat
from django.test import Client
from pytest_django import Settings
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


def page(client: Client, language: str = "en") -> str:
    response = client.get("/health/", headers={"Accept-Language": language})
    assert response.status_code == 200
    return response.content.decode()


def test_every_service_is_listed_with_its_state(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="local")
    heartbeat.beat("cron")
    found = page(client)
    for words in ("Database", "Cache", "Task queue", "Worker", "Cron", "no heartbeat yet", "last heartbeat 0 s ago"):
        assert words in found
    assert found.count("does not work</span>") == 1
    heartbeat.beat("worker")
    assert "Everything works." in page(client)


def test_a_failure_is_shown_while_the_database_is_unavailable(
    client: Client, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ConnectionError("password=secret")

    configure(environment="embedded")
    monkeypatch.setitem(health.PROBES, "database", health.Probe("database", fail))
    found = page(client)
    assert "ConnectionError" in found
    assert "secret" not in found
    assert "Something does not work." in found


def test_the_page_is_in_french(client: Client) -> None:
    assert "Tout fonctionne." in page(client, "fr")


def test_in_production_the_page_is_for_staff(
    client: Client, configure: Callable[..., None], settings: Settings, user: User, staff: User
) -> None:
    configure(environment="prod")
    assert client.get("/health/")["Location"] == "/accounts/login/?next=/health/"
    client.force_login(user)
    assert client.get("/health/").status_code == 403
    client.force_login(staff)
    assert client.get("/health/").status_code == 302  # to the second factor
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    assert "Database" in page(client)
