from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings
from users.models import User

HTML = '<p style="color: red">Hello</p><script>alert(1)</script>'

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_is_caught(settings: Settings, tmp_path: Path) -> None:
    """Use the mail catcher with the test's own folder: the test runner has replaced the backend by one in memory."""
    settings.CAUGHT_MAIL_DIRECTORY = tmp_path / "mail"
    settings.STAFF_NEEDS_SECOND_FACTOR = False  # these tests use force_login
    settings.MAILERS = {
        "default": {
            "BACKEND": "bedplate.django.caught_mail.backend.EmailBackend",
            "OPTIONS": {"file_path": tmp_path / "mail"},
        }
    }


def send(*, html: str | None = None) -> None:
    text = "Open https://example.org/reset/?key=1&next=2 <b>now</b>"
    mail = EmailMultiAlternatives("A <i>subject</i>", text, "site@example.org", ["ada@example.org"])
    if html is not None:
        mail.attach_alternative(html, "text/html")
    assert mail.send() == 1


def address_of_the_only_mail(client: Client) -> str:
    [mail] = client.get("/mail/").context["mails"]
    return f"/mail/{mail.identifier}/"


def test_an_empty_list_shows_a_message(client: Client) -> None:
    assert "No mail yet." in client.get("/mail/").content.decode()


def test_a_mail_that_the_site_sends_is_listed(client: Client) -> None:
    send()
    page = client.get("/mail/").content.decode()
    assert "A &lt;i&gt;subject&lt;/i&gt;" in page
    assert "ada@example.org" in page


def test_links_in_a_text_are_clickable_and_markup_is_escaped(client: Client) -> None:
    send()
    page = client.get(address_of_the_only_mail(client)).content.decode()
    assert 'href="https://example.org/reset/?key=1&amp;next=2"' in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page


def test_html_is_shown_in_a_frame_without_scripts(client: Client) -> None:
    send(html=HTML)
    address = address_of_the_only_mail(client)
    page = client.get(address).content.decode()
    assert f'src="{address}html/"' in page
    assert "alert(1)" not in page

    frame = client.get(f"{address}html/")
    assert frame.content.decode().strip() == f'<base target="_blank">{HTML}'
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    policy = dict(directive.partition(" ")[::2] for directive in frame["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]


def test_a_mail_without_html_has_no_frame(client: Client) -> None:
    send()
    address = address_of_the_only_mail(client)
    assert "<iframe" not in client.get(address).content.decode()
    assert client.get(f"{address}html/").status_code == 404


@pytest.mark.parametrize(
    "name",
    ["20260101T000000000000-0123abcd", "..%2Fsecret", "%2E%2E/secret", "20260101T000000000000-0123ABCD"],
)
def test_an_unknown_or_crafted_name_is_not_found(client: Client, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.eml").write_text("Subject: secret\n\nsecret")
    assert client.get(f"/mail/{name}/").status_code == 404


@pytest.mark.parametrize("part", ["", "html/"])
def test_only_staff_reads_mail_on_a_public_site(
    client: Client, configure: Callable[..., None], user: User, staff: User, part: str
) -> None:
    send(html=HTML)
    address = address_of_the_only_mail(client) + part
    configure(environment="dev")
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    client.force_login(user)
    assert client.get(address).status_code == 403
    client.force_login(staff)
    assert client.get(address).status_code == 200


def test_mail_is_never_cached(client: Client) -> None:
    send()
    assert "no-store" in client.get(address_of_the_only_mail(client))["Cache-Control"]
