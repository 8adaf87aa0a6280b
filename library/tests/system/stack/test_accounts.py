"""The pages about an account in a browser: from the invitation to the deletion, on LOCAL and PROD."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from bedplate.testing.accessibility import violations
from bedplate.testing.browser import sign_in, visit
from bedplate.testing.compose import Stack, wait_until
from bedplate.testing.server import Server
from bedplate.testing.stack import NewPage
from playwright.sync_api import FilePayload, Page, expect

pytestmark = pytest.mark.stack

PASSWORD = "a-password-of-ada's"


def test_an_invited_user_sets_the_password_and_leaves_with_the_data(
    stack: Stack, staff_page: Page, new_page: NewPage
) -> None:
    """Staff invite by address; the mail's link sets the password; then the account is used, and deleted."""
    email = "ada@example.com"
    visit(staff_page, "/admin/users/user/add/")
    staff_page.get_by_label("Email address").fill(email)
    staff_page.get_by_label("Name").fill("Ada")
    staff_page.get_by_role("button", name="Save", exact=True).click()
    expect(staff_page.get_by_text(f"An invitation is sent to {email}.")).to_be_visible()
    wait_until(lambda: email in stack.get("/mail/").text, limit=60, what="the worker sends the invitation")
    page = new_page(base_url=stack.url)
    visit(page, "/mail/")
    page.get_by_role("row").filter(has_text=email).get_by_role("link").click()
    page.locator(".mail-text").get_by_role("link", name="/password/reset/").click()
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    use(stack, new_page(base_url=stack.url), new_page(base_url=stack.url), email)
    deleted = f"SELECT count(*) FROM users_user WHERE email = '{email}'"
    assert stack.query(deleted).strip() == "0"


@pytest.mark.parametrize("server", ["prod"], indirect=True)
def test_a_user_leaves_with_the_data(server: Server, new_page: NewPage) -> None:
    """The same on PROD, over HTTPS and with its policies."""
    server.make_user("ada@example.com", password=PASSWORD)
    pages = [new_page(base_url=server.url, ignore_https_errors=True) for _page in range(2)]
    use(server, pages[0], pages[1], "ada@example.com")


def use(site: Stack, page: Page, other: Page, email: str) -> None:
    """Use each page about the account, in one browser and another; delete the account at the end."""
    sign_in(page, email, PASSWORD)
    change_name(page)
    end_session(page, other, email)
    use_token(site, page)
    download_data(page)
    delete_account(page, email)


def change_name(page: Page) -> None:
    """Change the name; a name that is too long is refused at its field."""
    visit(page, "/accounts/name/")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Name")).to_have_value("Ada Lovelace")
    expect(page.get_by_role("status")).to_be_visible()
    assert violations(page) == []  # of a page with a message


def end_session(page: Page, other: Page, email: str) -> None:
    """End the session of another browser, which is signed out at its next page."""
    sign_in(other, email, PASSWORD)
    visit(page, "/accounts/sessions/")
    expect(page.get_by_text("This session")).to_have_count(1)
    others = page.get_by_role("button", name="End the session of")
    expect(others.first).to_be_visible()
    page.get_by_role("button", name="End all other sessions").click()
    expect(others).to_have_count(0)
    visit(other, "/tasks/")
    expect(other).to_have_url(re.compile("/accounts/login/"))


def use_token(site: Stack, page: Page) -> None:
    """Create a token, with which a program is the user until it is revoked."""
    visit(page, "/accounts/tokens/")
    page.get_by_label("Name").fill("A program")
    page.get_by_role("button", name="Create").click()
    confirm(page, PASSWORD)
    token = page.get_by_role("status").locator("code").inner_text()
    answer = site.get("/api/me", Authorization=f"Bearer {token}")
    assert (answer.status, answer.json()["name"]) == (200, "Ada Lovelace")
    page.get_by_role("link", name="Revoke A program").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("link", name="Revoke A program")).to_have_count(0)
    refused = site.get("/api/me", Authorization=f"Bearer {token}")
    assert (refused.status, refused.headers["Content-Type"]) == (401, "application/problem+json")


def download_data(page: Page) -> None:
    """Download everything as an archive, with the files."""
    visit(page, "/documents/")
    page.get_by_label("File").set_input_files(FilePayload(name="a.txt", mimeType="text/plain", buffer=b"Of Ada."))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("link", name="a.txt", exact=True)).to_be_visible()
    visit(page, "/accounts/data/")
    with page.expect_download() as download:  # the password is not asked for again so soon
        page.get_by_role("button", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert "Ada Lovelace" in json.dumps(json.loads(archive.read("data.json")))
    assert b"Of Ada." in [archive.read(name) for name in archive.namelist()]


def confirm(page: Page, password: str) -> None:
    """Give the password again."""
    expect(page.get_by_role("heading", name="Confirm access")).to_be_visible()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Confirm").click()


def delete_account(page: Page, email: str) -> None:
    """Delete the account; signing in to it is refused afterwards."""
    visit(page, "/accounts/data/")
    page.get_by_role("link", name="Delete your account").click()
    page.get_by_role("button", name="Delete your account").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    sign_in(page, email, PASSWORD)
    expect(page.get_by_role("alert").first).to_be_visible()


def test_a_superuser_acts_as_a_user(stack: Stack, page: Page) -> None:
    """Each page says so, until the superuser stops; it is recorded."""
    email = "grace@example.com"
    stack.make_user(email, password=PASSWORD)
    password = stack.dotenv["DEFAULT_USER_PASSWORD"]
    sign_in(page, stack.dotenv["DEFAULT_USER_EMAIL"], password)
    visit(page, "/admin/users/user/")
    page.get_by_role("table").get_by_role("link", name=email).click()
    page.get_by_role("button", name="Act as this user").click()
    confirm(page, password)
    banner = page.get_by_text(f"You act as {email}. This is recorded.")
    expect(banner).to_be_visible()
    visit(page, "/tasks/")
    expect(banner).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("You act as yourself again.")).to_be_visible()
    visit(page, "/admin/")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    visit(page, "/admin/bedplate_accounts/impersonation/")
    expect(page.locator("#result_list")).to_contain_text(email)
