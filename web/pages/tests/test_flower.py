"""The home page leads to Flower."""

from collections.abc import Callable

import pytest
from django.test import Client

from pages.tests.test_home import home

pytestmark = pytest.mark.django_db


def test_where_it_runs_the_page_leads_there(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="local")
    assert 'href="/flower/"' in home(client)


@pytest.mark.parametrize("environment", ["embedded", "prod"])
def test_elsewhere_and_for_strangers_it_does_not(
    client: Client, configure: Callable[..., None], environment: str
) -> None:
    configure(environment=environment)
    assert "/flower/" not in home(client)
