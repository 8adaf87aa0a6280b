"""/health/live, /health/ready and /health/background, while services that the application needs stop and start."""

import pytest
from bedplate.testing.browser import Console, visit
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack, run, wait_until
from documents import commands_of
from playwright.sync_api import Page, expect

from stack.roles import as_superuser

pytestmark = pytest.mark.stack


def checks(stack: Stack) -> dict[str, str]:
    """Return the result of /health/ready for each service."""
    answer = stack.get("/health/ready").json()
    return {name: check["status"] for name, check in answer["checks"].items()}


def test_all_is_well(stack: Stack) -> None:
    """Both answer 200, at once, to everyone, and are not cached."""
    ready, live = stack.get("/health/ready"), stack.get("/health/live")
    assert (ready.status, live.status) == (200, 200)
    assert "no-store" in ready.headers["Cache-Control"]
    assert ready.json()["status"] == "ok"
    assert checks(stack) == {"database": "ok", "cache": "ok", "broker": "ok"}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("postgres", {"database": "unavailable", "cache": "ok", "broker": "ok"}),
        ("valkey", {"database": "ok", "cache": "ok", "broker": "unavailable"}),
        ("cache", {"database": "ok", "cache": "unavailable", "broker": "ok"}),
    ],
)
def test_missing_service_is_named(stack: Stack, service: str, expected: dict[str, str]) -> None:
    """While a service is down, `ready` is 503 and names it, and `live` stays 200; once it is back, so is `ready`."""
    started = stack.containers()["web"]["State"]["StartedAt"]
    stack.compose("stop", service)
    try:
        wait_until(lambda: stack.status("/health/ready") == 503, limit=10, what="/health/ready notices")
        assert checks(stack) == expected
        assert stack.status("/health/live") == 200
    finally:
        stack.restore()
    assert stack.containers()["web"]["State"]["StartedAt"] == started


def test_outage_shows_on_the_open_page(stack: Stack, page: Page, console: Console) -> None:
    """The open home page shows an outage while it lasts, by itself."""
    visit(page, "/")
    expect(page.locator(".stack-status--ok")).to_be_visible()
    stack.compose("stop", "valkey", "cache")
    try:
        expect(page.locator(".stack-status__check--unavailable")).to_contain_text(["Cache", "Task queue"])
    finally:
        stack.restore()
    expect(page.locator(".stack-status--ok")).to_be_visible()
    console.expect("/health/services")


@pytest.mark.parametrize("part", ["cron", "celery"])
def test_missing_heartbeat_is_noticed(stack: Stack, part: str) -> None:
    """An external monitor sees that cron or the worker is dead; while they live, each reports every few seconds."""
    wait_until(lambda: stack.status("/health/background") == 200, limit=60, what="both are heard of")
    name = {"cron": "cron", "celery": "worker"}[part]
    stack.compose("stop", part)
    try:
        age = f"cache.set('heartbeat:{name}', time.time() - 301, None)"
        stack.manage("shell", "-c", f"import time; from django.core.cache import cache; {age}")
        answer = stack.get("/health/background")
        assert answer.status == 503
        assert answer.json()["checks"][name]["error"].startswith("no heartbeat for 30")
    finally:
        stack.restore()
    wait_until(lambda: stack.status("/health/background") == 200, limit=60, what="both are heard of again")


def test_collation_mismatch_is_reported_and_fixed_by_the_how_to(stack: Stack) -> None:
    """It occurs after a change of the image; the command of the how-to page fixes it."""
    (command,) = commands_of(ROOT / "library/docs/how-to/rebuild-indexes.md")
    older = "UPDATE pg_database SET datcollversion = '2.0' WHERE datallowconn"
    try:
        as_superuser(stack, older)
        answer = stack.get("/health/background")
        assert answer.status == 503
        for name in ("app", "postgres", "template1"):
            assert f"database {name} was sorted by version 2.0" in answer.json()["checks"]["collations"]["error"]
        assert stack.status("/health/ready") == 200
    finally:
        assert "sorted as the server sorts" in run("bash", "-ec", command, directory=stack.directory)
    assert stack.get("/health/background").json()["checks"]["collations"]["status"] == "ok"
