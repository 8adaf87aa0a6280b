"""Every page has the site's design, and nothing that the content security policy blocks."""

from html.parser import HTMLParser

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from users.models import User

PUBLIC = (
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-expired/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/expired/",
    "/accounts/inactive/",
    "/mail/",
)
FOR_USERS = (
    "/accounts/name/",
    "/accounts/sessions/",
    "/accounts/data/",
    "/accounts/delete/",
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
)
FOR_STAFF = ("/operations/", "/admin/", "/admin/users/user/", "/admin/users/user/add/", "/admin/users/user/1/change/")


class InlineCode(HTMLParser):
    """Finds the inline scripts and styles of a page that have no nonce."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Remember the tag if it contains code."""
        given = dict(attributes)
        inline_script = tag == "script" and "src" not in given and given.get("type") != "application/json"
        if (inline_script or tag == "style") and not given.get("nonce"):
            self.found.append(self.get_starttag_text() or tag)
        self.found += [f"{name} of {tag}" for name in given if name == "style" or name.startswith("on")]


def check_policy(client: Client, address: str) -> str:
    """Check that the policy allows all code of the page. Return the page."""
    response = client.get(address, follow=True)
    assert response.status_code == 200, address
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    code = InlineCode()
    code.feed(response.content.decode())
    assert code.found == []
    return response.content.decode()


def check_design(page: str) -> None:
    assert '<header class="site-header">' in page
    assert '<link rel="stylesheet" href="/static/css/site.css">' in page
    assert page.count("<main") == page.count("<h1") == 1


@pytest.fixture
def logged_in(client: Client, staff: User) -> Client:
    """Return a client that has just logged in."""
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": staff.email, "password": "correct-horse-9"})
    return client


@pytest.mark.parametrize("address", PUBLIC)
def test_public_pages(db: None, client: Client, address: str) -> None:
    check_design(check_policy(client, address))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("address", FOR_USERS)
def test_pages_for_users(logged_in: Client, address: str) -> None:
    check_design(check_policy(logged_in, address))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("address", FOR_STAFF)
def test_pages_for_staff(logged_in: Client, staff: User, address: str) -> None:
    check_policy(logged_in, address.replace("/1/", f"/{staff.pk}/"))


def test_requests_for_an_icon_are_redirected(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/favicon.svg"
