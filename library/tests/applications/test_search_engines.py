"""Search engines find the pages of PROD, and only those."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_in_production_robots_find_the_sitemap(client: Client, configure: Callable[..., None]) -> None:
    configure(environment="prod")
    robots = client.get("/robots.txt")
    assert robots["Content-Type"].startswith("text/plain")
    assert "Disallow:\n" in robots.text
    assert "Sitemap: http://testserver/sitemap.xml\n" in robots.text


@pytest.mark.parametrize("environment", ["local", "embedded", "dev"])
def test_other_environments_are_not_indexed(client: Client, configure: Callable[..., None], environment: str) -> None:
    configure(environment=environment)
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_the_sitemap_has_pages_that_open_without_a_login(client: Client) -> None:
    sitemap = client.get("/sitemap.xml")
    assert sitemap["Content-Type"].startswith("application/xml")
    addresses = re.findall("<loc>(.+?)</loc>", sitemap.text)
    assert addresses
    for address in addresses:
        assert client.get(address.removeprefix("http://testserver")).status_code == 200


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("address", ["/", "/accounts/login/"])
def test_pages_have_a_description(client: Client, configure: Callable[..., None], address: str, language: str) -> None:
    configure(project_name="Analytical Engine")
    page = client.get(address, headers={"Accept-Language": language}).content.decode()
    [description] = re.findall('<meta name="description" content="(.+?)">', page)
    assert "Analytical Engine" in description
