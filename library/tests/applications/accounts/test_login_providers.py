"""Sign-in with an OpenID Connect provider, at a real one in this process."""

import re
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from bedplate.login_provider import LoginProvider
from bedplate.testing.plugin import PASSWORD
from django.test import Client
from pydantic import ValidationError
from users.models import User

from applications.accounts.conftest import browser, sign_in
from applications.accounts.oidc_server import Provider, login_url, signed_in, visit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

CONNECTIONS = "/accounts/3rdparty/"


def test_without_settings_there_is_no_button_and_no_provider(client: Client, verified: User) -> None:
    assert "Sign in with a passkey" in client.get("/accounts/login/").content.decode()
    assert "/oidc/" not in client.get("/accounts/login/").content.decode()
    assert client.post("/accounts/oidc/accounts.google.com/login/").status_code == 404
    assert "Sign-in providers" not in sign_in(browser()).get("/accounts/email/").content.decode()


def test_a_user_with_the_same_verified_address_is_signed_in(provider: Provider, verified: User) -> None:
    visitor = browser()
    page = visitor.get("/accounts/login/").content.decode()
    assert re.search(rf'action="{login_url(provider)}".*?Sign in with Acme', page, re.DOTALL)
    assert visit(provider, visitor)["Location"] == "/"
    assert signed_in(visitor) == verified
    assert SocialAccount.objects.get().user == verified
    assert verified.has_usable_password()


def test_the_link_stays_when_the_address_at_the_provider_changes(provider: Provider, verified: User) -> None:
    visit(provider, browser())
    provider.claims |= {"email": "new@example.org"}
    visitor = browser()
    visit(provider, visitor)
    assert signed_in(visitor) == verified


@pytest.mark.parametrize("claim", [False, "false", "False", None, 0, "", "yes", [], {}, 1.5])
@pytest.mark.parametrize("signup", [False, True])
def test_an_address_that_the_provider_has_not_verified_takes_over_no_account(
    provider: Provider, verified: User, claim: object, signup: bool, configure: Callable[..., None]
) -> None:
    configure(allow_signup=signup)
    provider.claims |= {"sub": "mallory", "email_verified": claim}
    visitor = browser()
    assert visit(provider, visitor).status_code in (200, 302)
    assert signed_in(visitor) is None
    assert not SocialAccount.objects.exists()
    assert list(User.objects.all()) == [verified]


def test_a_missing_claim_is_not_verified(provider: Provider, verified: User) -> None:
    del provider.claims["email_verified"]
    visitor = browser()
    visit(provider, visitor)
    assert signed_in(visitor) is None


def test_who_registered_the_address_of_another_person_before_loses_the_account(provider: Provider, user: User) -> None:
    """An attacker signed up with the address, and could not verify it. Its owner comes with the provider."""
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    attacker = browser()
    attacker.force_login(user)
    attacker.get("/")
    visitor = browser()
    visit(provider, visitor)
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert signed_in(attacker) is None


@pytest.mark.parametrize("email", ["ada@example.org", "unknown@example.org"])
def test_closed_sign_up_is_closed_here_too_and_shows_no_account(provider: Provider, verified: User, email: str) -> None:
    provider.claims |= {"sub": "someone", "email": email, "email_verified": False}
    page = visit(provider, browser()).content.decode()
    assert "Sign-up is closed" in page
    assert list(User.objects.all()) == [verified]


def test_open_sign_up_creates_a_user_with_the_name(provider: Provider, configure: Callable[..., None]) -> None:
    configure(allow_signup=True)
    provider.claims |= {"email": "New@Example.org", "name": "Ada\r\nLovelace\0 " + "x" * 300}
    visitor = browser()
    visit(provider, visitor)
    user = User.objects.get()
    assert (user.email, len(user.name), user.has_usable_password()) == ("new@example.org", 150, False)
    assert user.name.startswith("Ada Lovelace x")
    assert signed_in(visitor) == user


def test_the_second_factor_is_still_asked_for(provider: Provider, verified: User) -> None:
    TOTP.activate(verified, generate_totp_secret())
    visitor = browser()
    assert visit(provider, visitor)["Location"].startswith("/accounts/2fa/authenticate/")
    assert signed_in(visitor) is None


def test_an_inactive_user_is_not_signed_in(provider: Provider, verified: User) -> None:
    User.objects.update(is_active=False)
    visitor = browser()
    visit(provider, visitor)
    assert signed_in(visitor) is None


def test_a_callback_that_this_browser_did_not_begin_is_refused(provider: Provider, verified: User) -> None:
    """Otherwise an attacker could sign a victim in to the attacker's account."""
    begun = browser().post(login_url(provider))
    there = urlsplit(begun["Location"])
    connection = HTTPConnection(there.netloc)
    connection.request("GET", f"{there.path}?{there.query}")
    back = urlsplit(connection.getresponse().headers["Location"])
    connection.close()
    victim = browser()
    victim.get(f"{back.path}?{back.query}")
    assert signed_in(victim) is None
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("query", ["", "?error=access_denied", "?code=x&state=y", "?code=%00", "?state=%ff"])
def test_a_wrong_callback_is_a_page(provider: Provider, verified: User, query: str) -> None:
    visitor = browser()
    response = visitor.get(f"{login_url(provider)}callback/{query}", follow=True)
    assert response.status_code in (200, 401, 403)
    assert "Sign-in failed" in response.content.decode()
    assert signed_in(visitor) is None


def test_a_provider_that_is_down_is_a_page(provider: Provider, verified: User) -> None:
    provider.shutdown()
    provider.socket.close()
    page = browser().post(login_url(provider), follow=True)
    assert page.status_code == 502
    assert "Sign-in failed" in page.content.decode()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        [],
        "text",
        {"sub": "x" * 5000},
        {"sub": "1", "email": "no address", "email_verified": True},
        {"sub": "1", "email": "x" * 500 + "@example.org", "email_verified": True},
        {"sub": "1", "email": ["ada@example.org"], "email_verified": True},
        {"sub": "1", "email": "a\0@example.org", "email_verified": True, "name": ["x"]},
        {"sub": "1"},
    ],
)
def test_a_provider_that_sends_nonsense_is_a_page(
    provider: Provider, verified: User, claims: Any, configure: Callable[..., None]
) -> None:
    configure(allow_signup=True)
    provider.claims = claims
    visitor = browser()
    visit(provider, visitor)
    assert signed_in(visitor) is None
    assert list(User.objects.all()) == [verified]


def test_the_browser_begins_with_a_form_not_a_link(provider: Provider) -> None:
    """A link of another site does not start a login."""
    response = browser().get(login_url(provider))
    assert response.status_code == 200
    assert "Sign in with Acme" in response.content.decode()


def test_a_user_adds_and_removes_the_provider(provider: Provider, verified: User) -> None:
    provider.claims |= {"email": "other@example.org"}
    client = sign_in(browser())
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert "Add your account at Acme" in client.get(CONNECTIONS).content.decode()
    assert visit(provider, client, process="?process=connect")["Location"] == CONNECTIONS
    account = SocialAccount.objects.get()
    assert account.user == verified
    assert "Remove" in client.get(CONNECTIONS).content.decode()
    client.post(CONNECTIONS, {"account": account.pk})
    assert not SocialAccount.objects.exists()


def test_an_account_at_the_provider_belongs_to_one_user(provider: Provider, verified: User, staff: User) -> None:
    visit(provider, browser())
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    other = sign_in(browser(), staff.email)
    other.post("/accounts/reauthenticate/", {"password": PASSWORD})
    visit(provider, other, process="?process=connect")
    assert SocialAccount.objects.get().user == verified


@pytest.mark.parametrize("sent", ["", "0", "x", "9" * 300, "\0"])
def test_a_wrong_account_is_refused(provider: Provider, verified: User, sent: str) -> None:
    client = sign_in(browser())
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.post(CONNECTIONS, {"account": sent}).status_code == 200


def test_no_token_of_the_provider_is_stored(provider: Provider, verified: User) -> None:
    visit(provider, browser())
    from allauth.socialaccount.models import SocialToken  # noqa: PLC0415 - only here

    assert not SocialToken.objects.exists()


# Settings


def configured(**variables: Any) -> LoginProvider:
    return LoginProvider(**variables)


def test_it_is_off_until_server_and_client_are_set() -> None:
    google = "https://accounts.google.com"
    for off in (configured(), configured(oidc_server_url=google), configured(oidc_client_id="x")):
        assert (off.login_providers, off.oidc_origin) == ({}, ())
    on = configured(oidc_server_url=google, oidc_client_id="x")
    assert on.oidc_origin == (google,)
    assert on.oidc_provider_id == "accounts.google.com"


def test_another_server_is_another_provider() -> None:
    """Its users may have the same numbers as those of the first."""
    ids = {
        configured(oidc_server_url=f"https://keys.example.org{path}").oidc_provider_id
        for path in ("", "/realms/one", "/realms/two/")
    }
    assert ids == {"keys.example.org", "keys.example.org-realms-one", "keys.example.org-realms-two"}


@pytest.mark.parametrize("url", ["accounts.google.com", "ftp://x", "https://", "https://x?y", "javascript:alert(1)"])
def test_an_invalid_server_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        configured(oidc_server_url=url)
