"""The admin links to the other pages for staff, where they exist."""

import re
from collections.abc import Callable
from typing import Final

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings
from users.models import User

LINKS: Final = {
    "local": ["/operations/", "/tasks/", "/flower/", "/mail/"],
    "embedded": ["/operations/", "/tasks/", "/mail/"],
    "prod": ["/operations/", "/tasks/", "/flower/"],
}


@pytest.mark.parametrize("environment", LINKS)
def test_the_links_lead_to_what_there_is(
    client: Client, staff: User, configure: Callable[..., None], settings: Settings, environment: str
) -> None:
    expected = LINKS[environment]
    configure(environment=environment)
    settings.STAFF_NEEDS_SECOND_FACTOR = False  # force_login skips it
    client.force_login(staff)
    page = client.get("/admin/").content.decode()
    links = page.partition('id="user-tools"')[2].partition("</div>")[0]
    assert re.findall('<a href="(.+?)"', links)[: len(expected)] == expected
    assert ("/flower/" in links) == ("/flower/" in expected)
    assert ("/mail/" in links) == ("/mail/" in expected)


def test_lists_have_the_style_with_which_their_dates_fit(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert '<link rel="stylesheet" href="/static/css/admin.css">' in client.get("/admin/users/user/").content.decode()
    assert finders.find("css/admin.css")
