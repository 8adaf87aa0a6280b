"""Flower, through nginx, for staff alone."""

import pytest
from bedplate.testing.browser import log_in, visit
from bedplate.testing.compose import Stack, wait_until
from playwright.sync_api import APIRequestContext, Page, Playwright, expect

from stack.tasks import start_sample, wait_until_succeeded

pytestmark = pytest.mark.stack

FIRST_ROWS: dict[str, str | float | bool] = {
    "draw": "1",
    "start": "0",
    "length": "10",
    "search[value]": "",
    "order[0][column]": "0",
    "order[0][dir]": "asc",
    "columns[0][data]": "name",
}
ADDRESSES = [
    "/flower/",
    "/flower/metrics",
    "/flower/healthcheck",
    "/flower/api/workers",
    "/flower/static/css/flower.css",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_visitors_are_asked_to_log_in(stack: Stack, address: str) -> None:
    """A visitor who has not logged in is redirected to the login page, and back afterwards."""
    answer = stack.get(address)
    assert answer.status == 302
    assert answer.headers["Location"] == f"/accounts/login/?next={address}"
    assert "flower" not in answer.text.lower()


@pytest.mark.parametrize("address", ADDRESSES)
def test_flower_is_closed_to_users(member: APIRequestContext, address: str) -> None:
    """A user without staff rights gets no answer from Flower."""
    assert member.get(address).status == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_flower_is_open_to_staff(staff: APIRequestContext, address: str) -> None:
    """Staff get Flower's answer."""
    assert staff.get(address).status == 200


def test_commands_are_for_staff_too(stack: Stack, member: APIRequestContext) -> None:
    """Its API, which starts and stops things, is closed to all others."""
    address = "/flower/api/worker/shutdown/celery@unknown"
    assert stack.get(address, method="POST").status == 302
    assert member.post(address).status == 403


def test_commands_take_a_permission(stack: Stack, playwright: Playwright) -> None:
    """Staff may look; commands to a worker need a permission, which superusers have."""
    stack.make_user("looker@example.com", password="a-looker's-password")
    stack.query("UPDATE users_user SET is_staff = true WHERE email = 'looker@example.com'")
    looker = log_in(playwright, stack.url, email="looker@example.com", password="a-looker's-password")
    address = "/flower/api/worker/shutdown/celery@unknown"
    assert looker.get("/flower/api/workers").status == 200
    assert looker.post(address).status == 403
    assert looker.post("/flower/tasks/datatable", form=FIRST_ROWS).ok  # as the page of tasks asks: it only reads
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in looker.storage_state()["cookies"])
    trick = stack.get(f"{address}/../../../../tasks/datatable", method="POST", Cookie=cookies)
    assert "recordsTotal" in trick.text or trick.status == 400, trick  # the table, whatever else its address says
    stack.query(
        "INSERT INTO users_user_user_permissions (user_id, permission_id) SELECT u.id, p.id FROM users_user AS u, "
        "auth_permission AS p WHERE u.email = 'looker@example.com' AND p.codename = 'control_workers'"
    )
    assert looker.post(address).status == 404  # Flower's: there is no such worker
    looker.dispose()


def test_finished_task_is_shown(staff: APIRequestContext, staff_page: Page) -> None:
    """A task that has run is in Flower's list, by the id of its run."""
    address = start_sample(staff, seconds=1)
    wait_until_succeeded(staff, address)
    identifier = address.strip("/").rpartition("/")[2]
    api = f"/flower/api/task/info/{identifier}"
    wait_until(
        lambda: staff.get(api).ok and staff.get(api).json()["state"] == "SUCCESS",
        limit=15,
        what=f"{api} answers",
    )
    visit(staff_page, "/flower/tasks")
    expect(staff_page.get_by_role("link", name=identifier)).to_be_visible()
