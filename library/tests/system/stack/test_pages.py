"""The site's pages in a real browser; a test fails when one of its pages logs an error."""

import re

import pytest
from bedplate.testing.browser import Console, sign_in, visit
from bedplate.testing.compose import Stack, wait_until
from playwright.sync_api import FilePayload, Page, expect

pytestmark = pytest.mark.stack

# Pixels from the top of an element's text to its end.
HEIGHT = "e => { const text = new Range(); text.selectNodeContents(e); return text.getBoundingClientRect().height }"


def test_home_page(page: Page, stack: Stack) -> None:
    """The first page shows the project's name, and the features to try."""
    answer = visit(page, "/")
    assert answer.status == 200
    expect(page.get_by_role("heading", level=1)).to_have_text(stack.dotenv["PROJECT_NAME"])
    expect(page.get_by_role("link", name="Sample task")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_policy_is_enforced(page: Page, console: Console) -> None:
    """A script injected into a page does not run: the Content Security Policy forbids it."""
    visit(page, "/")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))")
    assert page.evaluate("window.ran") is None
    console.expect("Content Security Policy")


def test_log_in_and_out(page: Page, stack: Stack) -> None:
    """The default user logs in with the password from `.env`, is named, and logs out."""
    email = stack.dotenv["DEFAULT_USER_EMAIL"]
    sign_in(page, email, stack.dotenv["DEFAULT_USER_PASSWORD"])
    page.wait_for_url("/")
    expect(page.get_by_role("navigation", name="Account")).to_contain_text(email)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    visit(page, "/tasks/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/tasks/$"))


def test_wrong_password(page: Page, stack: Stack) -> None:
    """A wrong password is reported, but not which of the two is wrong; no user is logged in."""
    sign_in(page, stack.dotenv["DEFAULT_USER_EMAIL"], "not-the-password")
    error = page.get_by_role("alert").filter(
        has_text="The email address and/or password you specified are not correct."
    )
    expect(error).to_be_focused()
    visit(page, "/")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_password_reset_by_mail(page: Page, stack: Stack) -> None:
    """A user who forgot the password gets a mail, readable at /mail/, follows it, and logs in with a new one."""
    stack.make_user("forgetful@example.com", password="a-forgotten-password")
    visit(page, "/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill("forgetful@example.com")
    page.get_by_role("button", name="Reset my password").click()
    wait_until(lambda: "forgetful@example.com" in stack.get("/mail/").text, limit=60, what="the worker sends the mail")
    visit(page, "/mail/")
    newest = page.get_by_role("row").nth(1)
    expect(newest).to_contain_text("forgetful@example.com")
    newest.get_by_role("link").click()
    page.locator(".mail-text").get_by_role("link", name="/password/reset/").click()
    page.get_by_label("New password", exact=True).fill("a-remembered-password")
    page.get_by_label("New password (again)").fill("a-remembered-password")
    page.get_by_role("button", name="Change password").click()
    sign_in(page, "forgetful@example.com", "a-remembered-password")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_administration(staff_page: Page, stack: Stack) -> None:
    """Staff open the administration, and a user in it."""
    visit(staff_page, "/")
    staff_page.get_by_role("link", name="Administration").first.click()
    expect(staff_page.get_by_role("heading", name="Site administration")).to_be_visible()
    email = stack.dotenv["DEFAULT_USER_EMAIL"]
    visit(staff_page, "/admin/users/user/")
    staff_page.get_by_role("table").get_by_role("link", name=email).click()
    expect(staff_page.get_by_label("Email address")).to_have_value(email)


def test_language(page: Page) -> None:
    """The choice of French holds on the next page too."""
    visit(page, "/")
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("link", name="Se connecter")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "fr"
    visit(page, "/accounts/login/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Se connecter")


def test_documents(staff_page: Page) -> None:
    """A person uploads a file, opens it, and deletes it. Its long name breaks no other word of its row."""
    visit(staff_page, "/documents/")
    name = "a note" + "_of_what_not_to_forget" * 5 + ".txt"
    note = FilePayload(name=name, mimeType="text/plain", buffer=b"Remember the milk.")
    staff_page.get_by_label("File").set_input_files(note)
    staff_page.get_by_role("button", name="Upload").click()
    delete = staff_page.get_by_role("link", name=f"Delete {name}")
    heading = staff_page.get_by_role("columnheader", name="Delete")
    for text in (staff_page.get_by_text("18\xa0bytes"), heading, delete):
        assert text.evaluate(HEIGHT) < 30, f"{text} is broken into lines"
    staff_page.get_by_role("link", name=name, exact=True).click()
    expect(staff_page.locator("body")).to_have_text("Remember the milk.")
    staff_page.go_back()
    delete.click()
    staff_page.get_by_role("button", name="Delete").click()
    expect(staff_page.locator("main")).to_contain_text("The document is deleted.")
    expect(staff_page.get_by_role("link", name=name, exact=True)).to_have_count(0)
