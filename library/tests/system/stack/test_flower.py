"""Flower, through nginx, for staff alone."""

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack, wait_until
from playwright.sync_api import APIRequestContext, Page, expect

from stack.tasks import start_sample, wait_until_succeeded

pytestmark = pytest.mark.stack

ADDRESSES = [
    "/flower/",
    "/flower/metrics",
    "/flower/healthcheck",
    "/flower/api/workers",
    "/flower/static/css/flower.css",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_visitors_are_asked_to_log_in(stack: Stack, address: str) -> None:
    """Who has not logged in is led to the login page, and back afterwards."""
    answer = stack.get(address)
    assert answer.status == 302
    assert answer.headers["Location"] == f"/accounts/login/?next={address}"
    assert "flower" not in answer.text.lower()


@pytest.mark.parametrize("address", ADDRESSES)
def test_users_may_not(member: APIRequestContext, address: str) -> None:
    """A user who is not staff gets no answer of Flower's."""
    assert member.get(address).status == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_staff_may(staff: APIRequestContext, address: str) -> None:
    """Staff get Flower's answer."""
    assert staff.get(address).status == 200


def test_commands_are_for_staff_too(stack: Stack, member: APIRequestContext) -> None:
    """Its API, which starts and stops things, is closed to everybody else."""
    address = "/flower/api/worker/shutdown/celery@nobody"
    assert stack.get(address, method="POST").status == 302
    assert member.post(address).status == 403


def test_finished_task_is_shown(staff: APIRequestContext, staff_page: Page) -> None:
    """A task that has run is in Flower's list, by the id of its run."""
    address = start_sample(staff, seconds=1)
    wait_until_succeeded(staff, address)
    identifier = address.strip("/").rpartition("/")[2]
    api = f"/flower/api/task/info/{identifier}"
    wait_until(lambda: staff.get(api).ok and staff.get(api).json()["state"] == "SUCCESS", limit=15, what=f"{api} tells")
    visit(staff_page, "/flower/tasks")
    expect(staff_page.get_by_role("link", name=identifier)).to_be_visible()
