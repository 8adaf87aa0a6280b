"""LOCAL as `./install_docker.sh` sets it up: its pages, its background tasks, its database."""

from bedplate.testing.browser import sign_in, visit
from bedplate.testing.compose import Stack
from playwright.sync_api import Page, expect

TASK_LIMIT = 30_000  # milliseconds


def test_home_page(page: Page, stack: Stack) -> None:
    """The first page shows the project's name."""
    visit(page, "/")
    expect(page.get_by_role("heading", level=1)).to_have_text(stack.dotenv["PROJECT_NAME"])


def test_log_in(page: Page, stack: Stack) -> None:
    """The default user logs in with the password of `.env`, and is named."""
    email = stack.dotenv["DEFAULT_USER_EMAIL"]
    sign_in(page, email, stack.dotenv["DEFAULT_USER_PASSWORD"])
    expect(page.get_by_role("navigation", name="Account")).to_contain_text(email)


def test_background_task(staff_page: Page) -> None:
    """A task started on its page runs to its end, and the page shows it by itself."""
    visit(staff_page, "/tasks/")
    staff_page.get_by_label("Duration in seconds").fill("2")
    staff_page.get_by_role("button", name="Start").click()
    expect(staff_page.locator("[data-state]").first).to_have_text("Succeeded", timeout=TASK_LIMIT)


def test_application_on_postgresql(stack: Stack) -> None:
    """The application's own tests pass on PostgreSQL and Valkey."""
    assert " passed" in stack.exec("web", "python", "-m", "pytest", "--reuse-db", limit=600)
