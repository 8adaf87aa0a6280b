"""Chromium, and what its pages complain about."""

import re
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
OPTIONS: Final = (
    "--no-sandbox",  # tests may run as root, where Chromium's sandbox does not start
    "--disable-gpu",
    "--no-proxy-server",
    # Nothing but the pages under test is asked of any network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP *.example.com 127.0.0.1",  # servers under test have a name of the documentation's
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
    """Errors that pages wrote on their console: of scripts, of loading, of the Content Security Policy."""

    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect the page's errors from now on."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def expect(self, text: str) -> None:
        """Let errors pass that hold this text, of which there must be one at least."""
        self.expected.append(text)

    def check(self) -> None:
        """Fail for an error that was not expected, and for an expected one that did not come."""
        unexpected = [error for error in self.errors if not any(text in error for text in self.expected)]
        assert not unexpected, unexpected
        assert not [text for text in self.expected if not any(text in error for error in self.errors)], self.errors

    def _note(self, message: ConsoleMessage) -> None:
        # A container that starts or stops anywhere on the machine changes its network: no fault of the page.
        if message.type == "error" and NETWORK_CHANGED not in message.text:
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def visit(page: Page, path: str) -> Response:
    """Open the page, wait until it has loaded all that it asks for, and return the answer to the page itself.

    Chromium breaks off what it loads when another test's network comes or goes: then, the page is opened again.
    """
    for _attempt in range(5):
        with interrupted_requests(page) as interrupted:
            try:
                answer = page.goto(path)
                page.wait_for_load_state("networkidle")
            except Error as error:
                if NETWORK_CHANGED not in error.message:
                    raise
                continue
        if not interrupted:
            assert answer, f"{path} is the page that was open already"
            return answer
    raise AssertionError(f"{path}: the machine's networks changed at every attempt")


@contextmanager
def interrupted_requests(page: Page) -> Iterator[list[str]]:
    """Give the addresses that the page could not load since the machine's networks changed."""
    addresses: list[str] = []

    def note(request: Request) -> None:
        if NETWORK_CHANGED in (request.failure or ""):
            addresses.append(request.url)

    page.on("requestfailed", note)
    try:
        yield addresses
    finally:
        page.remove_listener("requestfailed", note)


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the login form and send it; once more when Chromium broke off what it loads (see `visit`)."""
    for _attempt in range(5):
        visit(page, "/accounts/login/")
        if not page.url.partition("?")[0].endswith("/accounts/login/"):
            return  # the form had arrived, but not its answer
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        with interrupted_requests(page) as interrupted:
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_load_state("networkidle")
        if not interrupted:
            return
    raise AssertionError("the machine's networks changed at every attempt")


def log_in(playwright: Playwright, url: str, *, email: str, password: str) -> APIRequestContext:
    """Return a client of the site in which this user is logged in."""
    client = playwright.request.new_context(base_url=url)
    answer = send_form(client, "/accounts/login/", login=email, password=password)
    assert answer == f"{url}/", f"{email} was not logged in, but led to {answer}"
    return client


def set_up_second_factor(client: APIRequestContext, password: str) -> None:
    """Set a device up, as staff of DEV and PROD have to after their first login."""
    path = "/accounts/2fa/totp/activate/"
    send_form(client, "/accounts/reauthenticate/", password=password)
    page = client.get(path).text()
    secret = re.search(r'value="([A-Z2-7]{32})"', page)
    assert secret, f"{path} shows no secret"
    _send(client, path, page, code=code_of(secret[1]))


def send_form(client: APIRequestContext, path: str, **fields: str) -> str:
    """Send the form of this page as its user would, and return the address that this led to."""
    return _send(client, path, client.get(path).text(), **fields)


def _send(client: APIRequestContext, path: str, page: str, **fields: str) -> str:
    token = token_of(page)
    assert token, f"{path} has no form"
    answer = client.post(path, form={**fields, "csrfmiddlewaretoken": token})
    assert answer.ok, f"{path} answered {answer.status}: {answer.text()[:500]}"
    return answer.url
