"""The README's picture: `pytest library/tests/system/stack -k screenshot --write-screenshot`."""

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack
from bedplate.testing.stack import NewPage
from playwright.sync_api import APIRequestContext, expect

pytestmark = [pytest.mark.stack, pytest.mark.screenshot]


def test_screenshot(stack: Stack, staff: APIRequestContext, new_page: NewPage) -> None:
    """docs/home.png shows the home page of a fresh install, all services answering."""
    viewport = {"width": 1200, "height": 900}
    page = new_page(base_url=stack.url, storage_state=staff.storage_state(), viewport=viewport, color_scheme="light")
    visit(page, "/")
    expect(page.locator(".stack-status--ok")).to_be_visible()
    page.screenshot(path=ROOT / "docs/home.png")
