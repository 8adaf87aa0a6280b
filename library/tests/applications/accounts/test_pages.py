"""Pages about accounts offer what makes sense, and a way on."""

import re
from collections.abc import Iterable

import pytest
from allauth.account.models import EmailAddress
from bedplate.testing.plugin import PASSWORD
from django.test import Client
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]


@pytest.fixture
def own_client(client: Client, user: User) -> Client:
    """Return a client that has just signed in, of a user with a verified address."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def actions(client: Client) -> list[tuple[str, list[str]]]:
    """Return each address on the page with the actions that it offers."""
    forms = re.findall(r"<form(.*?)</form>", client.get("/accounts/email/").content.decode(), re.DOTALL)
    found = [
        (re.findall('name="email" value="(.+?)"', form), re.findall('name="action_(.+?)"', form)) for form in forms
    ]
    return [(address, offered) for addresses, offered in found for address in addresses]


def test_the_only_address_offers_no_action(own_client: Client) -> None:
    assert actions(own_client) == [("ada@example.org", [])]


@pytest.mark.parametrize(("verified", "offered"), [(True, ["primary", "remove"]), (False, ["send", "remove"])])
def test_another_address_offers_what_is_possible(
    own_client: Client, user: User, verified: bool, offered: Iterable[str]
) -> None:
    EmailAddress.objects.create(user=user, email="countess@example.org", verified=verified, primary=False)
    assert dict(actions(own_client)) == {"ada@example.org": [], "countess@example.org": offered}


def test_each_action_works(own_client: Client, user: User) -> None:
    other = EmailAddress.objects.create(user=user, email="countess@example.org", verified=True, primary=False)
    own_client.post("/accounts/email/", {"email": other.email, "action_primary": ""})
    user.refresh_from_db()
    assert user.email == other.email
    own_client.post("/accounts/email/", {"email": "ada@example.org", "action_remove": ""})
    assert actions(own_client) == [("countess@example.org", [])]


def test_closed_sign_up_leads_to_the_login_and_home(client: Client) -> None:
    main = client.get("/accounts/signup/").content.decode().partition("<main")[2].partition("</main>")[0]
    assert re.findall('class="button.*?" href="(.+?)"', main) == ["/accounts/login/", "/"]


def test_the_login_page_has_no_link_to_itself(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert 'href="/accounts/login/' not in page
    assert 'href="/accounts/login/"' in client.get("/").content.decode()


def test_the_navigation_marks_the_current_page(client: Client, staff: User) -> None:
    client.force_login(staff)
    for address, link in (
        ("/tasks/", "/tasks/"),
        ("/documents/", "/documents/"),
        ("/accounts/email/", "/accounts/email/"),
    ):
        header = client.get(address).content.decode().partition("</header>")[0]
        assert re.findall('href="(.+?)" aria-current="page"', header) == [link]
    assert "aria-current" not in client.get("/").content.decode().partition("</header>")[0]


def test_an_error_is_announced_and_receives_the_focus(client: Client) -> None:
    response = client.post("/accounts/login/", {"login": "ada@example.org", "password": "wrong"})
    found = re.search(r'<div[^>]*role="alert"[^>]*>(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    assert "are not correct" in found[1]
    assert {"autofocus", 'tabindex="-1"'} <= set(found[0].partition(">")[0].split())


def test_a_field_with_an_error_is_named_in_the_summary_and_described(client: Client) -> None:
    page = client.post("/accounts/login/", {"login": "not an address", "password": "x"}).content.decode()
    assert re.search('role="alert".*?<a href="#id_login">Email</a> \u2013 Enter a valid', page, re.DOTALL)
    field = next(tag for tag in re.findall("<input[^>]*>", page) if 'id="id_login"' in tag)
    assert {'aria-invalid="true"', 'aria-describedby="id_login_error"'} <= set(re.findall(r'[\w-]+="[^"]*"', field))
    assert 'id="id_login_error"' in page


def test_a_page_without_an_error_has_no_alert(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert [tag for tag in re.findall('<[^>]*role="alert"[^>]*>', page) if "hidden" not in tag] == []
