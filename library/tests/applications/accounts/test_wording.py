"""A thing has one name on the whole site, in both languages, whichever package a page is from."""

import re
from html import unescape
from typing import Final

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from bedplate.testing.mail import send_queued_mail
from bedplate.testing.plugin import PASSWORD
from django.core.mail import EmailMessage
from django.test import Client
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]

PAGES: Final = (
    "/",
    "/accounts/name/",
    "/accounts/sessions/",
    "/accounts/data/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/logout/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
    "/tasks/",
    "/documents/",
    "/admin/",
    "/admin/users/user/",
    "/admin/mfa/authenticator/",
    "/admin/users/user/add/",
    "/admin/usersessions/usersession/",
    "/admin/socialaccount/socialaccount/",
    "/admin/bedplate_accounts/impersonation/",
)
PAGES_BEFORE_LOGIN: Final = (
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-expired/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/expired/",
)
OTHER_WORDS: Final = {
    "en": r"\b([Ll]og(ged)? (in|out)|[Ll]ogin|[Ee]-mail|[Ss]ecurity [Kk]ey|[Mm]aster key|[Ss]ignup)\b"
    r"|\b(Sign (In|Out|Up)|Email Address|Two-Factor|Make Primary)",
    # French has a no-break space before these signs, too.
    "fr": r"\b(email|courriel|courrier électronique|clés? (de sécurité|principale)|authenticators?|MFA|embedded)\b"
    "| [:;?!]",
}


def text_of(page: str) -> str:
    """Return the visible text of the page, and the text of its title."""
    visible = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", "", page, flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", unescape(re.sub(r"<[^>]+>", " | ", visible)))


def other_words(client: Client, address: str, language: str) -> list[str]:
    """Return what the page says in other words, with its surroundings."""
    response = client.get(address, follow=True, headers={"Accept-Language": language})
    assert response.status_code == 200
    page = response.content.decode()
    assert f'<html lang="{language}"' in page
    text = text_of(page)
    return [text[max(0, found.start() - 30) : found.end() + 30] for found in re.finditer(OTHER_WORDS[language], text)]


@pytest.fixture
def own_client(client: Client, staff: User) -> Client:
    """Return a client that has just signed in, of staff with a passkey."""
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": staff.email, "password": PASSWORD})
    return client


@pytest.mark.parametrize("language", OTHER_WORDS)
@pytest.mark.parametrize("address", PAGES)
def test_pages_have_one_word_for_a_thing(own_client: Client, address: str, language: str) -> None:
    assert other_words(own_client, address, language) == []


@pytest.mark.parametrize("language", OTHER_WORDS)
@pytest.mark.parametrize("address", PAGES_BEFORE_LOGIN)
def test_pages_before_the_login_have_one_word_for_a_thing(client: Client, address: str, language: str) -> None:
    assert other_words(client, address, language) == []


@pytest.mark.parametrize(("language", "words"), [("en", "Passkeys"), ("fr", "Clés d\u2019accès")])
def test_the_list_of_passkeys_has_its_columns(own_client: Client, staff: User, language: str, words: str) -> None:
    key = {"name": "Laptop", "credential": {"clientExtensionResults": {"credProps": {"rk": True}}}}
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data=key)
    assert other_words(own_client, "/accounts/2fa/webauthn/", language) == []
    page = own_client.get("/accounts/2fa/webauthn/", headers={"Accept-Language": language}).content.decode()
    assert f"<h1>{words}</h1>" in page
    assert page.count("data-label") == page.count("<th ") == 4
    assert "Laptop" in page


def test_second_factors_are_seen_and_removed_in_the_admin_and_not_added(own_client: Client, staff: User) -> None:
    codes = {"seed": "a secret of hers", "used_mask": 0}
    found = Authenticator.objects.create(user=staff, type=Authenticator.Type.RECOVERY_CODES, data=codes)
    address = "/admin/mfa/authenticator/"
    assert own_client.get(f"{address}add/").status_code == 403
    assert "Add second factor" not in own_client.get("/admin/").content.decode()
    page = own_client.get(f"{address}{found.pk}/change/").content.decode()
    assert "Recovery codes" in page
    assert "a secret of hers" not in page
    own_client.post(f"{address}{found.pk}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Reset your password", "Hello,")), ("fr", ("Réinitialisez votre mot de passe", "Bonjour,"))],
)
def test_the_mail_for_a_new_password_is_in_the_words_of_the_site(
    client: Client, user: User, mailoutbox: list[EmailMessage], language: str, words: tuple[str, str]
) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/password/reset/", {"email": user.email}, headers={"Accept-Language": language})
    send_queued_mail()
    [mail] = mailoutbox
    body = str(mail.body)
    assert (mail.subject, body.splitlines()[0]) == words
    assert body.splitlines()[-1] == "http://testserver/"  # a link, not the bare name of the domain
    assert re.findall(OTHER_WORDS[language], body) == []
