"""Chromium, and the errors on the console of its pages."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import (
    APIRequestContext,
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    Response,
)

from bedplate.testing.visitor import code_of, token_of

CHROMIUM: Final = "/usr/bin/chromium"
NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
IMPORT_FAILED: Final = "Failed to fetch dynamically imported module"  # what a page says of an aborted request
# The next attempt may begin before Chromium shows its own page about the one that failed, and is ended by it.
ERROR_PAGE: Final = "is interrupted by another navigation to"
PATIENCE: Final = 60  # seconds, while other tests start and remove containers
OPTIONS: Final = (
    "--no-sandbox",  # tests may run as root, where Chromium's sandbox does not start
    "--disable-gpu",
    "--no-proxy-server",
    # Chromium requests only the pages under test.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP *.example.com 127.0.0.1",  # servers under test use a documentation domain
)


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Run Debian's Chromium."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Console:
    """Errors on the console of pages: of scripts, of loading, of the Content Security Policy."""

    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether a request was aborted because the machine's networks changed."""

    def watch(self, page: Page) -> None:
        """Collect the page's errors from now on."""
        page.on("console", self._add)
        page.on("requestfailed", self._note)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def expect(self, text: str) -> None:
        """Expect at least one error with this text."""
        self.expected.append(text)

    def check(self) -> None:
        """Fail if there is an unexpected error, or an expected one is missing."""
        excused = [*self.expected, *([IMPORT_FAILED] if self.interrupted else [])]
        unexpected = [error for error in self.errors if not any(text in error for text in excused)]
        assert not unexpected, unexpected
        assert not [text for text in self.expected if not any(text in error for error in self.errors)], self.errors

    def _note(self, request: Request) -> None:
        self.interrupted = self.interrupted or NETWORK_CHANGED in (request.failure or "")

    def _add(self, message: ConsoleMessage) -> None:
        # A container that starts or stops on the machine changes its network: not an error of the page.
        if message.type == "error" and NETWORK_CHANGED not in message.text:
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def visit(page: Page, path: str) -> Response:
    """Open the page, wait until all its resources have loaded, and return the response of the page itself.

    Chromium aborts requests when a Docker network is created or removed: the page is then opened again.
    Raise Playwright's TimeoutError if the page never stops sending requests for half a second.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with interrupted_requests(page) as interrupted:
            try:
                answer = page.goto(path)
                page.wait_for_load_state("networkidle")
            except Error as error:
                if NETWORK_CHANGED not in error.message and ERROR_PAGE not in error.message:
                    raise
                continue
        if not interrupted:
            assert answer, f"{path} was open already"
            return answer
    raise AssertionError(f"{path}: the machine's networks changed at every attempt within {PATIENCE} s")


@contextmanager
def interrupted_requests(page: Page) -> Iterator[list[str]]:
    """Yield a list of the URLs that fail to load because the machine's networks change."""
    addresses: list[str] = []

    def add(request: Request) -> None:
        if NETWORK_CHANGED in (request.failure or ""):
            addresses.append(request.url)

    page.on("requestfailed", add)
    try:
        yield addresses
    finally:
        page.remove_listener("requestfailed", add)


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the login form and send it; repeat it if Chromium aborted a request (see `visit`)."""
    for _attempt in range(5):
        visit(page, "/accounts/login/")
        if not page.url.partition("?")[0].endswith("/accounts/login/"):
            return  # the form was received, but its response was lost
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        with interrupted_requests(page) as interrupted:
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_load_state("networkidle")
        if not interrupted:
            return
    raise AssertionError("the machine's networks changed at every attempt")


def log_in(playwright: Playwright, url: str, *, email: str, password: str) -> APIRequestContext:
    """Return an API client of the site, logged in as this user."""
    client = playwright.request.new_context(base_url=url)
    answer = send_form(client, "/accounts/login/", login=email, password=password)
    assert answer == f"{url}/", f"{email} was not logged in, but redirected to {answer}"
    return client


def set_up_second_factor(client: APIRequestContext, password: str) -> None:
    """Set up a TOTP device, as staff of DEV and PROD must after their first login."""
    path = "/accounts/2fa/totp/activate/"
    send_form(client, "/accounts/reauthenticate/", password=password)
    page = client.get(path).text()
    secret = re.search(r'value="([A-Z2-7]{32})"', page)
    assert secret, f"{path} shows no secret"
    _send(client, path, page, code=code_of(secret[1]))


def send_form(client: APIRequestContext, path: str, **fields: str) -> str:
    """Send the form of this page as a user would, and return the URL after the redirects."""
    return _send(client, path, client.get(path).text(), **fields)


def _send(client: APIRequestContext, path: str, page: str, **fields: str) -> str:
    token = token_of(page)
    assert token, f"{path} has no form"
    answer = client.post(path, form={**fields, "csrfmiddlewaretoken": token})
    assert answer.ok, f"{path} answered {answer.status}: {answer.text()[:500]}"
    return answer.url
