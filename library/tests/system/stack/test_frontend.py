"""The frontend in LOCAL: a live component, and changes that show in the open page."""

from collections.abc import Iterator

import pytest
from bedplate.testing.browser import Console, visit
from bedplate.testing.compose import Stack
from playwright.sync_api import Page, expect

from stack.editing import appended, replaced

pytestmark = pytest.mark.stack


@pytest.fixture
def open_page(page: Page) -> Page:
    """Return the open home page, which is not loaded again."""
    visit(page, "/")
    expect(page.locator(".stack-status--ok")).to_be_visible()
    page.evaluate("window.sameDocument = true")
    return page


def test_services_are_shown(page: Page) -> None:
    """The home page shows every service behind the site, and that it answers."""
    visit(page, "/")
    checks = page.locator(".stack-status__check--ok")
    services = ("Database", "Cache", "Task queue", "Worker", "Cron")
    expect(checks).to_have_count(len(services))
    for service in services:
        expect(checks.filter(has_text=service)).to_contain_text("answers")


def test_changed_style_shows(stack: Stack, open_page: Page) -> None:
    """A saved `.scss` file changes the open page, without a reload."""
    heading = open_page.get_by_role("heading", level=1)
    with appended(stack.directory / "web/frontend/sass/main.scss", "\nh1 {\n  color: rgb(1, 2, 3);\n}\n"):
        expect(heading).to_have_css("color", "rgb(1, 2, 3)")
    expect(heading).not_to_have_css("color", "rgb(1, 2, 3)")
    assert open_page.evaluate("window.sameDocument")


def test_changed_component_shows(stack: Stack, open_page: Page) -> None:
    """A saved `.tsx` file changes the open page, without a reload."""
    component = stack.directory / "web/frontend/src/components/StackStatus.tsx"
    summary = open_page.locator(".stack-status__summary")
    with replaced(component, "{texts[state]}", "{texts[state]} Changed."):
        expect(summary).to_contain_text("Changed.")
    expect(summary).not_to_contain_text("Changed.")
    assert open_page.evaluate("window.sameDocument")


def test_new_error_is_shown_in_the_page(stack: Stack, open_page: Page, console: Console) -> None:
    """An error in a `.scss` file is shown over the page, and disappears with the error."""
    with appended(stack.directory / "web/frontend/sass/main.scss", "\nh1 { color: $unknown; }\n"):
        expect(open_page.locator("vite-error-overlay")).to_be_attached()
    expect(open_page.locator("vite-error-overlay")).not_to_be_attached()
    console.expect("main.scss")


@pytest.fixture
def without_frontend(stack: Stack) -> Iterator[None]:
    """Remove the folder web/frontend for the test."""
    frontend = stack.directory / "web/frontend"
    away = frontend.rename(stack.directory / "frontend-away")
    try:
        stack.compose("restart", "web")
        stack.wait_until_ready()
        yield
    finally:
        away.rename(frontend)
        stack.compose("restart", "web")
        stack.restore()


@pytest.mark.usefixtures("without_frontend")
def test_pages_work_without_frontend(page: Page) -> None:
    """In a project without the folder web/frontend, pages request none of its files."""
    visit(page, "/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/static/dist/" not in page.content()
