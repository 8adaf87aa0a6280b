"""Fixtures of the stack tests besides `bedplate.testing.stack`: DEV and PROD in turn, users, readings."""

from collections.abc import Callable, Iterator

import pytest
from bedplate.testing.browser import log_in
from bedplate.testing.compose import Stack
from bedplate.testing.server import EMAIL, Server, running
from bedplate.testing.visitor import Visitor
from playwright.sync_api import APIRequestContext, Playwright

READING = "reading"  # name of a reading in a test's report, on its way from the process that ran it

CUSTOMER = ("customer@example.com", "a-customer's-password")

type Report = Callable[[str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the README's screenshot."""
    parser.addoption(
        "--write-screenshot", action="store_true", help="run the tests marked screenshot: they write into docs/"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that write into the checkout, unless the option is given."""
    # Where these tests are not named on the command line, this file is read too late to add an option.
    if not config.getoption("write_screenshot", default=False):
        items[:] = [item for item in items if item.get_closest_marker("screenshot") is None]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of tests that write into the checkout."""
    config.addinivalue_line("markers", "screenshot: writes a screenshot into docs/, when asked to")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the readings."""
    for outcome in ("passed", "failed"):
        for finished in terminalreporter.getreports(outcome):
            for name, reading in getattr(finished, "user_properties", []):
                if name == READING and finished.when == "call":
                    terminalreporter.write_line(f"reading: {reading}")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Return a function that shows a reading at the end of the run, whether or not its test passed."""
    return lambda reading: request.node.user_properties.append((READING, reading))


@pytest.fixture(scope="session", params=["dev", "prod"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield DEV, then PROD, each installed from nothing as the how-to page says; remove it at the end."""
    with running(request.param, tmp_path_factory.mktemp(request.param) / "site") as server:
        yield server


@pytest.fixture(scope="session")
def superuser(server: Server) -> Visitor:
    """Return the server's first user, logged in with the second factor that staff need."""
    visitor, password = server.visitor(), server.secret("default_user_password").strip()
    assert visitor.log_in(EMAIL, password)
    assert visitor.set_up_second_factor(password)
    return visitor


@pytest.fixture(scope="session")
def customer(server: Server) -> Visitor:
    """Return a user of the server without staff rights, logged in."""
    email, password = CUSTOMER
    server.make_user(email, password=password)
    visitor = server.visitor()
    assert visitor.log_in(email, password)
    return visitor


@pytest.fixture(scope="session")
def member(stack: Stack, playwright: Playwright) -> Iterator[APIRequestContext]:
    """Yield a client that is logged in as a user without staff rights."""
    stack.make_user("member@example.com", password="a-member's-password")
    client = log_in(playwright, stack.url, email="member@example.com", password="a-member's-password")
    yield client
    client.dispose()
