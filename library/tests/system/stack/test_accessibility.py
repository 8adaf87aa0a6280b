"""axe finds nothing on any page: English in the light scheme, French in the dark one on a phone; signed in and out."""

from typing import Any, Final

import pytest
from bedplate.testing.accessibility import violations
from bedplate.testing.browser import Console, visit
from bedplate.testing.compose import Stack
from bedplate.testing.stack import NewPage
from playwright.sync_api import APIRequestContext, Page

pytestmark = pytest.mark.stack

PUBLIC: Final = (
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-expired/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/expired/",
    "/accounts/inactive/",
    "/mail/",
)
FOR_STAFF: Final = (
    "/",
    "/examples/",
    "/tasks/",
    "/documents/",
    "/operations/",
    "/accounts/name/",
    "/accounts/email/",
    "/accounts/sessions/",
    "/accounts/data/",
    "/accounts/tokens/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/admin/",
    "/admin/users/user/",
    "/admin/users/user/add/",
    "/admin/operations/taskrun/",
    "/admin/cron_runs/cronrun/",
)
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "en": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "fr": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("locale", LOOKS)
def test_axe_finds_nothing(stack: Stack, staff: APIRequestContext, new_page: NewPage, locale: str) -> None:
    """No violation of any of axe's rules, on any page."""
    found = {}
    for paths, state in ((PUBLIC, None), (FOR_STAFF, staff.storage_state())):
        page = new_page(base_url=stack.url, locale=locale, storage_state=state, **LOOKS[locale])
        for path in paths:
            visit(page, path)
            assert page.locator("html").get_attribute("lang") == locale
            found[path] = violations(page)
    assert {path: each for path, each in found.items() if each} == {}


def test_axe_finds_nothing_in_a_form_with_errors(staff_page: Page) -> None:
    """The page that comes back, and the component that stays."""
    visit(staff_page, "/tasks/")
    staff_page.locator("main form").evaluate("form => form.noValidate = true")
    staff_page.get_by_label("Duration in seconds").fill("0")
    staff_page.get_by_role("button", name="Start").click()
    staff_page.get_by_role("alert").wait_for()
    assert violations(staff_page) == []


def test_axe_finds_nothing_on_a_page_about_an_error(production_page: Page, console: Console) -> None:
    """The page for an address where there is nothing, as production shows it."""
    visit(production_page, "/nowhere/")
    assert violations(production_page) == []
    console.expect("404")


def test_axe_finds_an_image_without_text(page: Page) -> None:
    """The tests above would notice an error."""
    visit(page, "/")
    page.evaluate("document.querySelector('main').append(new Image())")
    assert [text.partition(":")[0] for text in violations(page)] == ["image-alt"]
