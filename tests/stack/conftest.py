"""The stack that all these tests share, and the browser that looks at it."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright, sync_playwright

from stack.browser import Console, chromium, log_in
from stack.compose import Stack, installed
from stack.server import EMAIL, Server, running
from stack.visitor import Visitor

READINGS = pytest.StashKey[list[str]]()


class NewPage(Protocol):
    """Opens a page whose errors make the test fail."""

    def __call__(self, **options: Any) -> Page:
        """Return the page; the options are those of Playwright's `new_context`."""


type Report = Callable[[str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the README's screenshot."""
    parser.addoption(
        "--write-screenshot", action="store_true", help="run the tests marked screenshot: they write into docs/"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what writes into the checkout, unless it is asked for."""
    # Where these tests are not named on the command line, this file is read too late to add an option.
    if not config.getoption("write_screenshot", default=False):
        items[:] = [item for item in items if item.get_closest_marker("screenshot") is None]


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the readings, and name the marker of what writes into the checkout."""
    config.addinivalue_line("markers", "screenshot: writes a screenshot into docs/, when asked to")
    config.stash[READINGS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the readings."""
    for reading in config.stash[READINGS]:
        terminalreporter.write_line(f"reading: {reading}")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Return what shows a reading at the end of the run, whether or not its test passed."""
    return request.config.stash[READINGS].append


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the LOCAL stack of a copy of this checkout, installed as a new user would; nothing of it remains."""
    with installed(tmp_path_factory.mktemp("stack") / "my project") as stack:
        yield stack


@pytest.fixture(scope="session", params=["dev", "prod"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return DEV, then PROD, each set up from nothing as the how-to tells; nothing of it remains."""
    with running(request.param, tmp_path_factory.mktemp(request.param) / "site") as server:
        yield server


@pytest.fixture(scope="session")
def superuser(server: Server) -> Visitor:
    """Return the server's first user, logged in."""
    visitor = server.visitor()
    assert visitor.log_in(EMAIL, server.secret("default_user_password").strip())
    return visitor


@pytest.fixture(scope="session")
def customer(server: Server) -> Visitor:
    """Return a user of the server who is not staff, logged in."""
    make_user(server, "customer@example.com", password="a-customer's-password")
    visitor = server.visitor()
    assert visitor.log_in("customer@example.com", "a-customer's-password")
    return visitor


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
    """Return the console of the test's pages; the test fails when an unexpected error is on it."""
    console = Console()
    yield console
    console.check()


@pytest.fixture
def new_page(browser: Browser, console: Console) -> Iterator[NewPage]:
    """Return what opens a page, as a visitor the site has not seen yet."""
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
    """Return a page for the site."""
    return new_page(base_url=stack.url)


@pytest.fixture(scope="session")
def staff(stack: Stack, playwright: Playwright) -> Iterator[APIRequestContext]:
    """Return a client in which the default user, a superuser, is logged in."""
    dotenv = stack.dotenv
    email, password = dotenv["DEFAULT_USER_EMAIL"], dotenv["DEFAULT_USER_PASSWORD"]
    client = log_in(playwright, stack.url, email=email, password=password)
    yield client
    client.dispose()


@pytest.fixture
def staff_page(stack: Stack, staff: APIRequestContext, new_page: NewPage) -> Page:
    """Return a page for the site in which the default user is logged in."""
    return new_page(base_url=stack.url, storage_state=staff.storage_state())


@pytest.fixture(scope="session")
def member(stack: Stack, playwright: Playwright) -> Iterator[APIRequestContext]:
    """Return a client in which a user is logged in who is not staff."""
    make_user(stack, "member@example.com", password="a-member's-password")
    client = log_in(playwright, stack.url, email="member@example.com", password="a-member's-password")
    yield client
    client.dispose()


def make_user(stack: Stack, email: str, *, password: str) -> None:
    """Make a user whose address is confirmed."""
    stack.manage(
        "shell",
        "--no-imports",
        "--command",
        "from allauth.account.models import EmailAddress; from users.models import User; "
        f"user = User.objects.create_user({email!r}, {password!r}); "
        "EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)",
    )
