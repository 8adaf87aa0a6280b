"""The README's picture: `pytest tests/stack -k screenshot --write-screenshot`."""

import pytest
from checkout import ROOT
from playwright.sync_api import APIRequestContext, expect

from stack.compose import Stack
from stack.conftest import NewPage

pytestmark = [pytest.mark.stack, pytest.mark.screenshot]


def test_screenshot(stack: Stack, staff: APIRequestContext, new_page: NewPage) -> None:
    """docs/home.png shows the home page of a fresh install, all services answering."""
    viewport = {"width": 1200, "height": 900}
    page = new_page(base_url=stack.url, storage_state=staff.storage_state(), viewport=viewport, color_scheme="light")
    page.goto("/")
    expect(page.locator(".stack-status--ok")).to_be_visible()
    page.screenshot(path=ROOT / "docs/home.png")
