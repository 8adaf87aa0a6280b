"""The README's pictures: `pytest library/tests/system/stack -k screenshot --write-screenshot`."""

import base64
from typing import Any, Final

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack
from bedplate.testing.stack import NewPage
from playwright.sync_api import APIRequestContext, expect

pytestmark = [pytest.mark.stack, pytest.mark.screenshot]

FOR_VISITORS: Final = ("/accounts/login/", "/accounts/password/reset/", "/accounts/signup/", "/mail/")
FOR_STAFF: Final = (
    *("/", "/examples/", "/operations/", "/tasks/", "/documents/", "/accounts/name/", "/accounts/email/"),
    *("/accounts/password/change/", "/accounts/2fa/", "/accounts/tokens/", "/accounts/sessions/", "/accounts/data/"),
    *("/accounts/delete/", "/admin/", "/admin/users/user/", "/api/docs"),
)
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
STYLE: Final = "margin: 8px; display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; background: #8a949b"


def test_screenshot(stack: Stack, staff: APIRequestContext, new_page: NewPage) -> None:
    """docs/home.png shows the home page of a fresh install, all services answering."""
    page = new_page(base_url=stack.url, storage_state=staff.storage_state(), **LOOKS["light"])
    visit(page, "/")
    expect(page.locator(".stack-status--ok")).to_be_visible()
    page.screenshot(path=ROOT / "docs/home.png")


@pytest.fixture(scope="module")
def demo(stack: Stack) -> None:
    """Give the pages something to show."""
    stack.manage("demo_data")


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("look", LOOKS)
def test_screenshots_of_every_page(stack: Stack, staff: APIRequestContext, new_page: NewPage, look: str) -> None:
    """docs/screenshots/ has one picture for each look, with the first screen of every page."""
    pictures = []
    for paths, state in ((FOR_VISITORS, None), (FOR_STAFF, staff.storage_state())):
        page = new_page(base_url=stack.url, storage_state=state, **LOOKS[look])
        for path in paths:
            visit(page, path)
            pictures.append(base64.b64encode(page.screenshot()).decode())
    images = "".join(f'<img width="100%" alt="" src="data:image/png;base64,{picture}">' for picture in pictures)
    sheet = new_page(viewport={"width": 1200 if look != "phone" else 640, "height": 100})
    sheet.set_content(f'<body style="{STYLE}">{images}')
    folder = ROOT / "docs/screenshots"
    folder.mkdir(exist_ok=True)
    sheet.screenshot(path=folder / f"{look}.jpg", full_page=True, quality=45)
