from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from users.models import User

pytestmark = pytest.mark.django_db


def home(client: Client) -> str:
    return client.get("/").content.decode()


def test_the_page_has_the_project_name(client: Client, configure: Callable[..., None]) -> None:
    configure(project_name="Analytical Engine")
    assert "<h1>Analytical Engine</h1>" in home(client)


def test_on_a_local_site_the_page_links_to_all_services(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="local")
    page = home(client)
    for address in ("/operations/", "/tasks/", "/mail/", "/admin/"):
        assert f'href="{address}"' in page


def test_in_production_anonymous_users_see_nothing_of_the_stack(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="prod")
    page = home(client)
    for word in ("Django", "/operations/", "/admin/", "/mail/"):
        assert word not in page


def test_in_production_staff_sees_the_stack(
    client: Client, configure: Callable[..., None], settings: Settings, staff: User
) -> None:
    configure(environment="prod")
    settings.STAFF_NEEDS_SECOND_FACTOR = False  # force_login skips it
    client.force_login(staff)
    assert "/admin/" in home(client)


def test_an_unsupported_language_falls_back_to_english(client: Client) -> None:
    response = client.get("/", headers={"Accept-Language": "tlh"})
    assert '<html lang="en">' in response.content.decode()
