"""Background tasks, as a user of the site sees them."""

import re
from typing import Any

from bedplate.testing.browser import send_form
from bedplate.testing.compose import wait_until
from playwright.sync_api import APIRequestContext


def start_sample(client: APIRequestContext, *, seconds: int) -> str:
    """Start the sample task, which takes this number of seconds; return the address of its run."""
    send_form(client, "/tasks/", seconds=str(seconds))
    addresses = re.findall(r'data-task-run="([^"]+)"', client.get("/tasks/").text())
    assert addresses, "the started task is not on the page"
    return str(addresses[0])


def read_run(client: APIRequestContext, address: str) -> dict[str, Any]:
    """Return the site's data about a run."""
    answer = client.get(address)
    assert answer.ok, f"{address} answered {answer.status}"
    run: dict[str, Any] = answer.json()
    return run


def wait_until_running(client: APIRequestContext, address: str) -> None:
    """Return when the run has made progress."""
    wait_until(lambda: read_run(client, address)["percent"] > 0, limit=30, what=f"{address} makes some way")


def wait_until_succeeded(client: APIRequestContext, address: str, *, limit: float = 60) -> None:
    """Return when the run has succeeded."""
    wait_until(lambda: read_run(client, address)["state"] == "succeeded", limit=limit, what=f"{address} succeeds")
