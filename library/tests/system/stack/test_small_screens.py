"""Pages on a phone, and the administration's lists on a small screen."""

from typing import Final

import pytest
from bedplate.testing.browser import visit
from playwright.sync_api import FilePayload, Page, expect

pytestmark = pytest.mark.stack

ACCOUNT: Final = ("/accounts/email/", "/accounts/2fa/")
PAGES: Final = ("/", "/tasks/", "/documents/", "/examples/", *ACCOUNT, "/operations/", "/mail/")
TOO_LOW: Final = """() => [...document.querySelectorAll("a:not(.skip-link), button")]
    .filter(element => element.offsetParent && element.getBoundingClientRect().height < 24)
    .map(element => element.textContent.trim())"""
OVERFLOW: Final = "e => e.scrollWidth - e.clientWidth"


@pytest.fixture
def phone(staff_page: Page) -> Page:
    """Return the page of the default user, as wide as a phone."""
    staff_page.set_viewport_size({"width": 390, "height": 844})
    return staff_page


@pytest.mark.parametrize("path", PAGES)
def test_links_can_be_hit_and_nothing_is_cut(phone: Page, path: str) -> None:
    """Links and buttons are at least 24 pixels high, and the page is as wide as the screen."""
    visit(phone, path)
    assert phone.evaluate(TOO_LOW) == []
    assert phone.locator("html").evaluate(OVERFLOW) <= 0


def test_cells_have_the_names_of_their_columns(phone: Page) -> None:
    """Where the header row is hidden, each cell shows the name of its column."""
    visit(phone, "/documents/")
    phone.get_by_label("File").set_input_files(FilePayload(name="a.txt", mimeType="text/plain", buffer=b"a"))
    phone.get_by_role("button", name="Upload").click()
    labels = "cells => cells.map(cell => getComputedStyle(cell, '::before').content)"
    shown = phone.locator("tbody tr").first.locator("td").evaluate_all(labels)
    assert shown[:3] == ['"Name"', '"Size"', '"Uploaded"']
    expect(phone.locator("thead")).not_to_be_visible()


@pytest.mark.parametrize("path", ["/admin/operations/taskrun/", "/admin/cron_runs/cronrun/", "/admin/users/user/"])
def test_lists_of_the_administration_fit(staff_page: Page, path: str) -> None:
    """At 1,280 pixels, no column is cut beside the filters."""
    staff_page.set_viewport_size({"width": 1280, "height": 800})
    visit(staff_page, path)
    assert staff_page.locator(".results, #changelist-form").last.evaluate(OVERFLOW) <= 0
