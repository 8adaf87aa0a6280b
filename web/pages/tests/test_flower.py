"""The home page links to Flower."""

from collections.abc import Callable

import pytest
from django.test import Client

from pages.tests.test_home import home

pytestmark = pytest.mark.django_db


def test_the_page_links_to_flower_where_it_runs(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="local")
    assert 'href="/flower/"' in home(client)


@pytest.mark.parametrize("environment", ["embedded", "prod"])
def test_the_page_does_not_link_to_flower_elsewhere_or_for_anonymous_users(
    client: Client, configure: Callable[..., None], environment: str
) -> None:
    configure(environment=environment)
    assert "/flower/" not in home(client)
