"""Passkeys at the printed address, with an authenticator that Chromium simulates."""

import pytest
from bedplate.testing.browser import visit
from bedplate.testing.compose import Stack
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.stack

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_is_added_and_signs_in_at_localhost(page: Page, stack: Stack) -> None:
    """At the address that the install prints first, a user adds a passkey, signs out, and signs in with it alone."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    client.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    stack.make_user("keys@example.com", password="a-password-and-a-key")
    site = f"http://localhost:{stack.port}"
    visit(page, f"{site}/accounts/login/")
    page.get_by_label("Email").fill("keys@example.com")
    page.get_by_label("Password").fill("a-password-and-a-key")
    page.get_by_role("button", name="Sign in", exact=True).click()
    visit(page, f"{site}/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill("a-password-and-a-key")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Sign in without a password").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)
    visit(page, f"{site}/accounts/2fa/webauthn/")
    expect(page.get_by_role("table")).to_contain_text("First passkey")
    page.get_by_role("button", name="Sign out").click()
    visit(page, f"{site}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("navigation", name="Account")).to_contain_text("keys@example.com")
