"""A pytest plugin for tests of the whole project, in containers: `pytest_plugins = ["bedplate.testing.stack"]`.

`stack` is LOCAL, `production` PROD: each is set up once in a test run, from a copy of the checkout, with its own name
and ports, and removed at the end. The pages are Chromium's; an error on their console fails the test.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright, sync_playwright

from bedplate.testing.browser import Console, chromium, log_in
from bedplate.testing.compose import Stack, installed
from bedplate.testing.server import Server, running


class NewPage(Protocol):
    """Opens a page whose console errors fail the test."""

    def __call__(self, **options: Any) -> Page:
        """Return the page; the options are those of Playwright's `new_context`."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the LOCAL stack of a copy of this checkout, installed as a new user would; remove it at the end."""
    with installed(tmp_path_factory.mktemp("stack") / "my project") as stack:
        yield stack


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return PROD, set up as on a server; remove it at the end."""
    with running("prod", tmp_path_factory.mktemp("prod") / "site") as server:
        yield server


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Return Playwright."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Return Chromium."""
    with chromium(playwright) as browser:
        yield browser


@pytest.fixture
def console() -> Iterator[Console]:
    """Return the console of the test's pages; an unexpected error on it fails the test."""
    console = Console()
    yield console
    console.check()


@pytest.fixture
def new_page(browser: Browser, console: Console) -> Iterator[NewPage]:
    """Return a function that opens a page in a new browser context."""
    contexts = []

    def open_page(**options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        console.watch(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(stack: Stack, new_page: NewPage) -> Page:
    """Return a page of the site."""
    return new_page(base_url=stack.url)


@pytest.fixture(scope="session")
def staff(stack: Stack, playwright: Playwright) -> Iterator[APIRequestContext]:
    """Return an API client, logged in as the default user, a superuser."""
    dotenv = stack.dotenv
    email, password = dotenv["DEFAULT_USER_EMAIL"], dotenv["DEFAULT_USER_PASSWORD"]
    client = log_in(playwright, stack.url, email=email, password=password)
    yield client
    client.dispose()


@pytest.fixture
def staff_page(stack: Stack, staff: APIRequestContext, new_page: NewPage) -> Page:
    """Return a page of the site, logged in as the default user."""
    return new_page(base_url=stack.url, storage_state=staff.storage_state())


@pytest.fixture
def production_page(production: Server, new_page: NewPage) -> Page:
    """Return a page of PROD's site, whose certificate is self-signed."""
    return new_page(base_url=production.url, ignore_https_errors=True)
