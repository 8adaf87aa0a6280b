"""Login, logout, and the pages about the user's account."""

import re
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from bedplate.testing.mail import send_queued_mail
from bedplate.testing.plugin import PASSWORD
from django.contrib.auth import get_user
from django.core.mail import EmailMessage
from django.test import Client

from users.models import User

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def ada(user: User) -> User:
    """Return a user with a verified address."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def log_in(client: Client, *, email: str = "ada@example.org", password: str = PASSWORD, following: str = "") -> str:
    """Send the form and return the redirect's URL."""
    response = client.post("/accounts/login/", {"login": email, "password": password, "next": following})
    return response.headers.get("Location", "")


def logged_in(client: Client) -> bool:
    return get_user(client).is_authenticated  # a Client has the session that get_user reads


@pytest.mark.parametrize("email", ["ada@example.org", "Ada@EXAMPLE.org"])
def test_a_user_logs_in_with_the_address_whatever_its_case(client: Client, ada: User, email: str) -> None:
    assert log_in(client, email=email) == "/"
    assert logged_in(client)


def test_a_user_is_redirected_to_the_requested_page(client: Client, ada: User) -> None:
    assert log_in(client, following="/tasks/") == "/tasks/"


def test_a_user_is_never_redirected_to_another_site(client: Client, ada: User) -> None:
    assert log_in(client, following="https://evil.example/") == "/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_response(client: Client, ada: User) -> None:
    address = "/accounts/login/"
    wrong = client.post(address, {"login": ada.email, "password": "wrong"}).context["form"].errors
    unknown = client.post(address, {"login": "unknown@example.org", "password": PASSWORD}).context["form"].errors
    assert wrong == unknown != {}
    assert not logged_in(client)


def test_after_five_wrong_passwords_the_right_one_is_refused_too(client: Client, ada: User) -> None:
    for _ in range(5):
        log_in(client, password="wrong")
    log_in(client)
    assert not logged_in(client)


def test_an_inactive_user_cannot_log_in(client: Client, ada: User) -> None:
    User.objects.update(is_active=False)
    log_in(client)
    assert not logged_in(client)


def test_logging_out_needs_a_post_request(client: Client, ada: User) -> None:
    client.force_login(ada)
    client.get("/accounts/logout/")
    assert logged_in(client)
    client.post("/accounts/logout/")
    assert not logged_in(client)


def test_the_admin_requires_the_second_factor(client: Client, ada: User) -> None:
    User.objects.update(is_staff=True, is_superuser=True)
    TOTP.activate(ada, generate_totp_secret())
    assert log_in(client, following="/admin/").startswith("/accounts/2fa/authenticate/")
    assert not logged_in(client)


def test_a_forgotten_password_is_reset_by_mail(
    client: Client, ada: User, mailoutbox: list[EmailMessage], configure: Callable[..., None]
) -> None:
    configure(project_name="Analytical Engine")
    client.post("/accounts/password/reset/", {"email": "ADA@example.org"})
    send_queued_mail()
    [mail] = mailoutbox
    assert mail.to == ["ada@example.org"]
    assert "Analytical Engine" in mail.body

    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(mail.body))
    assert link
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": "another-horse-10", "password2": "another-horse-10"})
    log_in(client, password="another-horse-10")
    assert logged_in(client)


def test_no_mail_is_sent_to_an_unknown_address(db: None, client: Client, mailoutbox: list[EmailMessage]) -> None:
    response = client.post("/accounts/password/reset/", {"email": "unknown@example.org"})
    assert response["Location"] == "/accounts/password/reset/done/"
    assert send_queued_mail() == 1
    assert mailoutbox == []


def test_sign_up_is_closed_by_default(db: None, client: Client) -> None:
    form = {"email": "new@example.org", "password1": "correct-horse-10", "password2": "correct-horse-10"}
    assert "Sign-up is closed" in client.post("/accounts/signup/", form).content.decode()
    assert not User.objects.exists()
    assert "/accounts/signup/" not in client.get("/accounts/login/").content.decode()


def test_people_can_create_an_account_if_that_is_open(db: None, client: Client, configure: Callable[..., None]) -> None:
    configure(allow_signup=True)
    assert "/accounts/signup/" in client.get("/").content.decode()
    form = {"email": "New@example.org", "password1": "correct-horse-10", "password2": "correct-horse-10"}
    client.post("/accounts/signup/", form)
    assert User.objects.get().email == "new@example.org"
    assert not logged_in(client)  # before the address is verified
