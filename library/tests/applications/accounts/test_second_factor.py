"""Staff of DEV and PROD need a second factor."""

import re
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from bedplate.django.accounts.second_factor import is_open, missing_step
from bedplate.testing.plugin import PASSWORD
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("production", "own_cache")]

CHECK = "/accounts/staff-check"
READING = {"X-Original-Method": "GET"}


@pytest.fixture
def production(configure: Callable[..., None], settings: Settings) -> None:
    """Configure the site as PROD, without HTTPS."""
    configure(environment="prod")
    settings.SECURE_SSL_REDIRECT = False


def log_in(user: User) -> Client:
    """Return a client in which the user, with a verified address, has given the password."""
    EmailAddress.objects.get_or_create(user=user, email=user.email, verified=True, primary=True)
    client = Client(headers={"X-Real-IP": "192.0.2.1"})
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def code(secret: str) -> str:
    """Return the current code of the user's device."""
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def set_up(client: Client) -> str:
    """Set up a device through the pages, with the password again, and return its secret."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = str(re.findall(r'value="([A-Z2-7]{32})"', page)[0])
    client.post("/accounts/2fa/totp/activate/", {"code": code(secret)})
    return secret


@pytest.mark.parametrize(
    "address", ["/", "/admin/", "/admin/login/?next=/", "/tasks/", "/documents/", "/media/private/x"]
)
def test_a_password_alone_gives_no_access(staff: User, address: str) -> None:
    client = log_in(staff)
    answer = client.get(address)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/2fa/")
    assert client.get(CHECK, headers=READING).status_code == 403
    assert b"set one up to go on" in client.get(answer["Location"]).content
    assert client.post("/tasks/", {"seconds": 1})["Location"].startswith("/accounts/2fa/")


def test_the_health_checks_of_staff_require_the_factor(staff: User) -> None:
    assert log_in(staff).get("/health/ready").json().keys() == {"status"}


@pytest.mark.django_db(transaction=True)  # django-allauth sends the signal on commit
def test_setting_up_a_factor_opens_the_pages(staff: User) -> None:
    client = log_in(staff)
    set_up(client)
    assert client.get("/admin/").status_code == 200
    assert client.get(CHECK, headers=READING).status_code == 204
    assert client.get("/health/ready").json().keys() == {"status", "checks"}


def test_an_older_session_must_give_the_factor(staff: User) -> None:
    """An intruder's session with the password gains nothing from a factor that the owner sets up."""
    elsewhere = log_in(staff)
    secret = set_up(log_in(staff))
    assert elsewhere.get("/admin/")["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2F"
    assert elsewhere.get(CHECK, headers=READING).status_code == 403
    answer = elsewhere.post("/accounts/2fa/reauthenticate/?next=/admin/", {"code": code(secret)})
    assert answer["Location"] == "/admin/"
    assert elsewhere.get("/admin/").status_code == 200


@pytest.fixture
def intruder(staff: User) -> Client:
    """Return an intruder's session with the password, started before the owner set up a factor."""
    client = log_in(staff)
    set_up(log_in(staff))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/totp/deactivate/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/2fa/recovery-codes/download/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/2fa/webauthn/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/reauthenticate/",
    ],
)
def test_the_password_alone_neither_shows_nor_changes_a_factor(staff: User, intruder: Client, address: str) -> None:
    before = list(Authenticator.objects.filter(user=staff).values())
    for answer in (intruder.get(address), intruder.post(address, {"code": "000000", "password": PASSWORD})):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/2fa/reauthenticate/")
    assert list(Authenticator.objects.filter(user=staff).values()) == before
    assert intruder.get(CHECK, headers=READING).status_code == 403
    assert intruder.post("/accounts/logout/")["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_a_second_device_does_not_make_a_session_trusted(staff: User, rf: RequestFactory) -> None:
    """Adding a factor to existing ones does not make the session trusted."""
    set_up(log_in(staff))
    request = rf.get("/")
    request.user, request.session = staff, SessionStore()
    key = Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "another"})
    authenticator_added.send(sender=Authenticator, request=request, user=staff, authenticator=key)
    assert missing_step(request) == "mfa_reauthenticate"


@pytest.mark.django_db(transaction=True)
def test_a_session_of_a_removed_device_is_not_trusted(staff: User) -> None:
    lost = log_in(staff)
    set_up(lost)
    assert lost.get("/admin/").status_code == 200
    Authenticator.objects.filter(user=staff).delete()
    set_up(log_in(staff))
    assert lost.get("/admin/")["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_an_unsupported_passkey_is_not_a_factor(staff: User, settings: Settings) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "key"})
    settings.MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
    assert log_in(staff).get("/admin/")["Location"]  # not a missing page


def test_the_message_is_shown_once(staff: User) -> None:
    client = log_in(staff)
    for _ in range(3):
        answer = client.get("/")
    assert client.get(answer["Location"]).content.count(b"set one up to go on") == 1


def test_a_teams_page_with_a_similar_name_is_not_open() -> None:
    assert not any(is_open(name, missing="mfa_index") for name in ("account_list", "shop:account_login", "mfa", None))


def test_anonymous_requests_cause_no_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert "Cookie" not in client.get("/favicon.ico").get("Vary", "")


def test_a_user_with_only_a_passkey_must_give_the_passkey(staff: User) -> None:
    client = log_in(staff)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "key"})
    assert client.get("/admin/")["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/?")


def test_removing_the_factor_closes_the_pages_again(staff: User) -> None:
    client = log_in(staff)
    set_up(client)
    Authenticator.objects.filter(user=staff).delete()
    assert client.get("/admin/")["Location"].startswith("/accounts/2fa/?")


def test_recovery_codes_are_not_a_factor(staff: User) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x", "used_mask": 0})
    assert log_in(staff).get("/admin/")["Location"].startswith("/accounts/2fa/?")


def test_a_login_with_the_factor_is_enough(staff: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(staff, secret)
    client = log_in(staff)
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    client.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert client.get("/admin/").status_code == 200


def test_a_superuser_who_is_not_staff_needs_it_too(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert log_in(user).get("/tasks/")["Location"].startswith("/accounts/2fa/?")


def test_other_users_need_no_factor(user: User) -> None:
    client = log_in(user)
    assert client.get("/tasks/").status_code == 200
    assert client.get("/health/ready").json().keys() == {"status"}


def test_public_pages_stay_open(staff: User) -> None:
    client = log_in(staff)
    assert client.get("/accounts/email/").status_code == 200
    assert client.post("/i18n/setlang/", {"language": "fr"})["Location"] == "/"
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("environment", ["local", "embedded"])
def test_local_environments_require_no_factor(staff: User, configure: Callable[..., None], environment: str) -> None:
    configure(environment=environment)
    assert log_in(staff).get("/admin/").status_code == 200


def test_a_team_can_switch_the_factor_off(staff: User, settings: Settings) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    assert log_in(staff).get("/admin/").status_code == 200
