"""The page about operations, in a browser, while each service stops in turn."""

import pytest
from bedplate.testing.browser import Console, visit
from bedplate.testing.compose import Stack, wait_until
from playwright.sync_api import APIRequestContext, Page, expect

pytestmark = pytest.mark.stack


def summary(staff: APIRequestContext) -> str:
    """Return the part that names the problems."""
    return staff.get("/operations/summary/").text()


def test_every_service_has_its_version(stack: Stack, staff: APIRequestContext) -> None:
    """Cron and the worker, too, which report theirs by heartbeats."""
    all_answer = "every service answers"  # an emptied cache has no heartbeat until the next one
    wait_until(lambda: stack.status("/health/services") == 200, limit=30, what=all_answer)
    said = staff.get("/operations/services/").text()
    for name in ("Django 6", "PostgreSQL 18", "Valkey 9", "Celery 5", "supercronic", "Flower 2"):
        assert name in said
    assert "does not answer" not in said
    assert "unset" not in said


@pytest.mark.parametrize(("service", "label"), [("valkey", "Task queue"), ("cache", "Cache"), ("flower", "Flower")])
def test_stopped_service_is_named(stack: Stack, staff: APIRequestContext, service: str, label: str) -> None:
    """The page works while the service is down, and names it; once it is back, it does not."""
    stack.compose("stop", service)
    try:
        wait_until(lambda: f"{label} does not answer." in summary(staff), limit=20, what=f"{label} is named")
        page = staff.get("/operations/")
        assert page.status == 200
        assert "could not be read" not in page.text()
    finally:
        stack.restore()
    wait_until(lambda: f"{label} does not answer." not in summary(staff), limit=30, what=f"{label} answers")


@pytest.mark.parametrize(("service", "name", "label"), [("cron", "cron", "Cron"), ("celery", "worker", "Worker")])
def test_silent_service_is_named(stack: Stack, staff: APIRequestContext, service: str, name: str, label: str) -> None:
    """A minute without a heartbeat is enough."""
    stack.compose("stop", service)
    try:
        age = f"cache.set('heartbeat:{name}', time.time() - 60, None)"
        stack.manage("shell", "-c", f"import time; from django.core.cache import cache; {age}")
        assert f"{label} does not answer." in summary(staff)
    finally:
        stack.restore()
    wait_until(lambda: f"{label} does not answer." not in summary(staff), limit=60, what=f"{label} is heard of")


def test_open_page_survives_the_database(stack: Stack, staff_page: Page, console: Console) -> None:
    """It keeps the last known state and says so. A new page says that the site cannot check who asks."""
    visit(staff_page, "/operations/")
    news = staff_page.locator("#operations-news")
    expect(news).to_be_hidden()
    stack.compose("stop", "postgres")
    try:
        expect(news).to_contain_text("The database does not answer", timeout=20_000)
        expect(staff_page.get_by_role("heading", name="Cron")).to_be_visible()
        answer = stack.get("/operations/")
        assert answer.status == 503
        assert "The site cannot check who you are" in answer.text
    finally:
        stack.restore()
    expect(news).to_be_hidden(timeout=60_000)
    console.expect("/operations/")


def test_running_task_shows_its_progress(stack: Stack, staff_page: Page) -> None:
    """The page shows it without a reload, and cancels it after a question."""
    visit(staff_page, "/operations/")
    start = "from bedplate.django.operations.tasks import sample; sample.start(seconds=300)"
    stack.manage("shell", "-c", start)
    row = staff_page.locator("#tasks li", has=staff_page.locator("progress")).first
    expect(row).to_contain_text("Sample task", timeout=20_000)
    row.locator("summary").click()
    row.get_by_role("button", name="Yes, cancel it").click()
    expect(staff_page.locator(".messages")).to_contain_text("The task is canceled.")
    expect(staff_page.locator("#tasks")).to_contain_text("Cancelled.")
