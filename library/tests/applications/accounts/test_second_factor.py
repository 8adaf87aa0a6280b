"""Staff of DEV and PROD get in with a second factor alone."""

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
    """Have the site be PROD, but for its HTTPS."""
    configure(environment="prod")
    settings.SECURE_SSL_REDIRECT = False


def log_in(user: User) -> Client:
    """Return a browser in which the user, whose address is confirmed, has given the password."""
    EmailAddress.objects.get_or_create(user=user, email=user.email, verified=True, primary=True)
    client = Client(headers={"X-Real-IP": "192.0.2.1"})
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def code(secret: str) -> str:
    """Return what the user's device shows now."""
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def set_up(client: Client) -> str:
    """Set a device up as the pages say, which ask for the password once more, and return its secret."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = str(re.findall(r'value="([A-Z2-7]{32})"', page)[0])
    client.post("/accounts/2fa/totp/activate/", {"code": code(secret)})
    return secret


@pytest.mark.parametrize(
    "address", ["/", "/admin/", "/admin/login/?next=/", "/tasks/", "/documents/", "/media/private/x"]
)
def test_a_password_alone_opens_no_page(staff: User, address: str) -> None:
    client = log_in(staff)
    answer = client.get(address)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/2fa/")
    assert client.get(CHECK, headers=READING).status_code == 403
    assert b"set one up to go on" in client.get(answer["Location"]).content
    assert client.post("/tasks/", {"seconds": 1})["Location"].startswith("/accounts/2fa/")


def test_what_staff_are_told_of_health_takes_it_too(staff: User) -> None:
    assert log_in(staff).get("/health/ready").json().keys() == {"status"}


@pytest.mark.django_db(transaction=True)  # django-allauth says so once it is committed
def test_setting_one_up_opens_the_pages(staff: User) -> None:
    client = log_in(staff)
    set_up(client)
    assert client.get("/admin/").status_code == 200
    assert client.get(CHECK, headers=READING).status_code == 204
    assert client.get("/health/ready").json().keys() == {"status", "checks"}


def test_a_session_from_before_is_asked_for_it(staff: User) -> None:
    """Another browser, where someone knows the password, gains nothing by a factor that is set up elsewhere."""
    elsewhere = log_in(staff)
    secret = set_up(log_in(staff))
    assert elsewhere.get("/admin/")["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2F"
    assert elsewhere.get(CHECK, headers=READING).status_code == 403
    answer = elsewhere.post("/accounts/2fa/reauthenticate/?next=/admin/", {"code": code(secret)})
    assert answer["Location"] == "/admin/"
    assert elsewhere.get("/admin/").status_code == 200


@pytest.fixture
def intruder(staff: User) -> Client:
    """Return a session of someone who has the password, begun before the owner set a factor up."""
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
def test_a_password_neither_shows_nor_changes_a_factor(staff: User, intruder: Client, address: str) -> None:
    before = list(Authenticator.objects.filter(user=staff).values())
    for answer in (intruder.get(address), intruder.post(address, {"code": "000000", "password": PASSWORD})):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/2fa/reauthenticate/")
    assert list(Authenticator.objects.filter(user=staff).values()) == before
    assert intruder.get(CHECK, headers=READING).status_code == 403
    assert intruder.post("/accounts/logout/")["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_a_second_device_makes_no_session_count(staff: User, rf: RequestFactory) -> None:
    """Whatever a session may do, adding to the factors that are there does not make it count."""
    set_up(log_in(staff))
    request = rf.get("/")
    request.user, request.session = staff, SessionStore()
    key = Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "another"})
    authenticator_added.send(sender=Authenticator, request=request, user=staff, authenticator=key)
    assert missing_step(request) == "mfa_reauthenticate"


@pytest.mark.django_db(transaction=True)
def test_a_session_of_a_lost_device_counts_no_more(staff: User) -> None:
    lost = log_in(staff)
    set_up(lost)
    assert lost.get("/admin/").status_code == 200
    Authenticator.objects.filter(user=staff).delete()
    set_up(log_in(staff))
    assert lost.get("/admin/")["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_a_passkey_that_the_site_takes_no_more_is_no_factor(staff: User, settings: Settings) -> None:
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "key"})
    settings.MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
    assert log_in(staff).get("/admin/")["Location"]  # no page that is not there


def test_it_is_said_once(staff: User) -> None:
    client = log_in(staff)
    for _ in range(3):
        answer = client.get("/")
    assert client.get(answer["Location"]).content.count(b"set one up to go on") == 1


def test_a_team_s_page_with_a_name_like_those_is_not_open() -> None:
    assert not any(is_open(name, missing="mfa_index") for name in ("account_list", "shop:account_login", "mfa", None))


def test_strangers_cost_nothing(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert "Cookie" not in client.get("/favicon.ico").get("Vary", "")


def test_one_that_has_only_a_passkey_is_asked_for_that(staff: User) -> None:
    client = log_in(staff)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "key"})
    assert client.get("/admin/")["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/?")


def test_who_takes_the_factor_away_is_out_again(staff: User) -> None:
    client = log_in(staff)
    set_up(client)
    Authenticator.objects.filter(user=staff).delete()
    assert client.get("/admin/")["Location"].startswith("/accounts/2fa/?")


def test_recovery_codes_are_no_factor(staff: User) -> None:
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


def test_others_are_not_asked(user: User) -> None:
    client = log_in(user)
    assert client.get("/tasks/").status_code == 200
    assert client.get("/health/ready").json().keys() == {"status"}


def test_pages_that_take_no_factor_stay_open(staff: User) -> None:
    client = log_in(staff)
    assert client.get("/accounts/email/").status_code == 200
    assert client.post("/i18n/setlang/", {"language": "fr"})["Location"] == "/"
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("environment", ["local", "embedded"])
def test_a_developer_is_spared(staff: User, configure: Callable[..., None], environment: str) -> None:
    configure(environment=environment)
    assert log_in(staff).get("/admin/").status_code == 200


def test_a_team_may_decide_otherwise(staff: User, settings: Settings) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    assert log_in(staff).get("/admin/").status_code == 200
