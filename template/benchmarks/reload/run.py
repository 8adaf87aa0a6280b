"""Measures how soon LOCAL shows a change, and how soon a second install ends; prints each reading with its target.

    .venv/bin/python template/benchmarks/reload/run.py [--rounds N]

Installs a copy of this checkout under a name of its own, measures, and removes it. Run it on an idle machine.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import Page, sync_playwright

sys.path.insert(
    0, str(Path(__file__).resolve().parents[3] / "library/tests/system")
)  # the tests know how to run a stack

from bedplate.testing.browser import chromium
from bedplate.testing.compose import Stack, installed, wait_until
from stack.editing import appended

PROBE: Final = """

from django.http import HttpResponse
urlpatterns.append(path("reload-probe", lambda request: HttpResponse("{token}")))
"""
LIMIT: Final = 60  # seconds, after which there is no reading


def measure_python(stack: Stack, *, token: str) -> float:
    """Return the seconds from saving a `.py` file to the first answer of the new code."""
    started = time.monotonic()
    with appended(stack.directory / "web/config/urls.py", PROBE.format(token=token)):
        wait_until(lambda: stack.get("/reload-probe").text == token, limit=LIMIT, what="the new code is served")
        seconds = time.monotonic() - started
    wait_until(lambda: stack.status("/reload-probe") == HTTPStatus.NOT_FOUND, limit=LIMIT, what="the old code is back")
    return seconds


def measure_style(stack: Stack, page: Page, *, color: str) -> float:
    """Return the seconds from saving a `.scss` file to the new style in the open page."""
    before = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    shows = "color => getComputedStyle(document.querySelector('h1')).color === color"
    started = time.monotonic()
    with appended(stack.directory / "web/frontend/sass/main.scss", f"\nh1 {{ color: {color}; }}\n"):
        page.wait_for_function(shows, arg=color, timeout=LIMIT * 1000)
        seconds = time.monotonic() - started
    page.wait_for_function(shows, arg=before, timeout=LIMIT * 1000)
    return seconds


@contextmanager
def open_page(stack: Stack) -> Iterator[Page]:
    """Open the home page."""
    with sync_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page()
        page.goto(stack.url)
        page.locator(".stack-status--ok").wait_for()
        yield page


def measure_install(stack: Stack) -> float:
    """Return the duration of an install that has nothing to do."""
    started = time.monotonic()
    stack.install()
    return time.monotonic() - started


def show(what: str, readings: list[float], *, target: float) -> None:
    """Print the median of the readings beside the target."""
    each = " ".join(f"{reading:.2f}" for reading in readings)
    print(f"{what:<55} {median(readings):6.2f} s  (target {target:g} s; {each})", flush=True)  # noqa: T201


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often each change is made (5)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "project") as stack:
        show("install_docker.sh again, nothing changed", [measure_install(stack)], target=20)
        tokens = [f"round {number}" for number in range(rounds)]
        show("a changed .py is served", [measure_python(stack, token=token) for token in tokens], target=2)
        with open_page(stack) as page:
            colors = [f"rgb(1, 2, {number})" for number in range(rounds)]
            show("a changed .scss shows", [measure_style(stack, page, color=color) for color in colors], target=1)


if __name__ == "__main__":
    main()
