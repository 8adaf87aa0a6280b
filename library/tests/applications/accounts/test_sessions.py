"""Users see their sessions, and end them."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from bedplate.django.accounts import sessions
from bedplate.django.accounts.sessions import describe_device
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import InternalError, OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from users.models import User

from applications.accounts.conftest import browser, sign_in

ADDRESS = "/accounts/sessions/"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.1 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def behind_nginx(settings: Settings) -> None:
    """Trust the address in nginx's header; embedded mode has no nginx."""
    settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP"


@pytest.fixture
def phone(ada_client: Client) -> Client:
    """Return a second client of the same user."""
    other = browser("198.51.100.7")
    sign_in(other)
    UserSession.objects.filter(session_key=other.session.session_key).update(user_agent=PHONE, ip="198.51.100.7")
    return other


def row(client: Client) -> UserSession:
    found: UserSession = UserSession.objects.get(session_key=client.session.session_key)
    return found


def logged_in(client: Client) -> bool:
    return get_user(client).is_authenticated


def test_a_user_sees_each_session_and_which_one_is_the_current_one(ada_client: Client, phone: Client) -> None:
    page = ada_client.get(ADDRESS).content.decode()
    assert page.count("This session") == 1
    for text in ("Firefox, Linux", "192.0.2.1", "Safari, iPhone", "198.51.100.7"):
        assert text in page
    assert f'value="{row(phone).pk}"' in page
    assert f'value="{row(ada_client).pk}"' not in page


def test_a_session_is_ended(ada_client: Client, phone: Client) -> None:
    page = ada_client.post(ADDRESS, {"session": row(phone).pk}, follow=True).content.decode()
    assert "1 session is ended." in page
    assert "iPhone" not in page
    assert not logged_in(phone)
    assert phone.get("/tasks/")["Location"].startswith("/accounts/login/")
    assert logged_in(ada_client)


def test_all_other_sessions_are_ended(ada_client: Client, phone: Client) -> None:
    ada_client.post(ADDRESS)
    assert not logged_in(phone)
    assert logged_in(ada_client)


def test_the_current_session_can_be_ended_too(ada_client: Client) -> None:
    assert ada_client.post(ADDRESS, {"session": row(ada_client).pk})["Location"] == "/accounts/login/"
    assert not logged_in(ada_client)


def test_nobody_ends_the_session_of_another_user(ada_client: Client, staff: User) -> None:
    other = browser("198.51.100.7")
    other.force_login(staff)
    other.get("/")
    assert row(other).user == staff
    ada_client.post(ADDRESS, {"session": row(other).pk})
    ada_client.post(ADDRESS)
    assert logged_in(other)
    assert "198.51.100.7" not in ada_client.get(ADDRESS).content.decode()


@pytest.mark.parametrize("sent", ["0", "-1", "x", "9" * 400, "\0", "1; DROP TABLE", "<b>"])
def test_a_wrong_session_ends_nothing(ada_client: Client, phone: Client, sent: str) -> None:
    assert ada_client.post(ADDRESS, {"session": sent}, follow=True).status_code == 200
    assert logged_in(phone)
    assert logged_in(ada_client)


def test_ended_and_expired_sessions_are_not_shown(ada_client: Client, phone: Client, user: User) -> None:
    Session.objects.filter(pk=phone.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    gone = browser("203.0.113.5")
    sign_in(gone)
    Session.objects.filter(pk=gone.session.session_key).delete()
    assert UserSession.objects.count() >= 2
    page = ada_client.get(ADDRESS).content.decode()
    assert "198.51.100.7" not in page
    assert "203.0.113.5" not in page
    assert UserSession.objects.get() == row(ada_client)


def test_a_session_from_before_a_new_password_is_not_shown(ada_client: Client, phone: Client, user: User) -> None:
    user.set_password("another-horse-10")
    user.save()
    again = browser("203.0.113.5")
    again.force_login(user)
    again.get("/")
    page = again.get(ADDRESS).content.decode()
    assert "203.0.113.5" in page
    assert "198.51.100.7" not in page


def test_activity_is_recorded_at_most_every_five_minutes(
    ada_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    old = timezone.now() - timedelta(hours=3)
    ada_client.get("/")
    UserSession.objects.update(last_seen_at=old)
    with django_assert_num_queries(2):  # session and user
        ada_client.get("/")
    assert row(ada_client).last_seen_at == old
    cache.clear()  # as after five minutes
    ada_client.get("/", headers={"X-Real-IP": "203.0.113.9"})
    assert timezone.now() - row(ada_client).last_seen_at < timedelta(minutes=1)
    assert row(ada_client).ip == "203.0.113.9"


def test_a_session_from_before_the_record_existed_appears(ada_client: Client) -> None:
    UserSession.objects.all().delete()
    cache.clear()
    assert "This session" in ada_client.get(ADDRESS).content.decode()


def test_a_hostile_browser_name_is_shown_as_text(ada_client: Client) -> None:
    cache.clear()
    agent = "<script>alert(1)</script>\0" + "x" * 5000
    page = ada_client.get(ADDRESS, headers={"User-Agent": agent}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_twenty_sessions_need_as_many_queries_as_one(
    ada_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(19):
        sign_in(browser("192.0.2.1"))
    ada_client.get("/")
    with django_assert_max_num_queries(5):
        page = ada_client.get(ADDRESS).content.decode()
    assert page.count("Firefox, Linux</td>") == 20


def test_anonymous_visitors_have_no_such_page(client: Client, db: None) -> None:
    assert client.get(ADDRESS)["Location"] == f"/accounts/login/?next={ADDRESS}"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (PHONE, "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "Unknown device"),
    ],
)
def test_a_device_has_a_name_that_people_know(user_agent: str, device: str) -> None:
    assert describe_device(user_agent) == device


def test_staff_see_sessions_without_their_keys_and_end_them(ada_client: Client, staff: User) -> None:
    client = browser()
    client.force_login(staff)
    address = "/admin/usersessions/usersession/"
    found = row(ada_client)
    assert "ada@example.org" in client.get(address, {"q": "ADA"}).content.decode()
    page = client.get(f"{address}{found.pk}/change/").content.decode()
    assert "Firefox" in page
    assert found.session_key not in page
    assert client.get(f"{address}add/").status_code == 403
    client.post(f"{address}{found.pk}/delete/", {"post": "yes"})
    assert not logged_in(ada_client)


def test_staff_end_several_sessions(ada_client: Client, phone: Client, staff: User) -> None:
    client = browser()
    client.force_login(staff)
    chosen = [row(ada_client).pk, row(phone).pk]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    client.post("/admin/usersessions/usersession/", form)
    assert not logged_in(ada_client)
    assert not logged_in(phone)


def test_the_settings_of_providers_and_tokens_are_not_in_the_admin(client: Client, staff: User) -> None:
    client.force_login(staff)
    for model in ("socialapp", "socialtoken"):
        assert client.get(f"/admin/socialaccount/{model}/").status_code == 404
    assert client.get("/admin/socialaccount/socialaccount/").status_code == 200


@pytest.mark.parametrize("error", [OperationalError, InternalError])
def test_a_database_that_refuses_the_record_breaks_no_page(
    ada_client: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A read-only PostgreSQL answers with an InternalError."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(sessions, "record_activity", refuse)
    cache.clear()
    assert ada_client.get(ADDRESS).status_code == 200


def test_a_session_outlives_a_rotation_of_the_secret_key(ada_client: Client, settings: Settings) -> None:
    """Requests that a browser has sent before the answer, and web servers with the keys in the other order, know it."""
    key, earlier = ada_client.session.session_key, settings.SECRET_KEY
    next_key = "the-next-secret-key-that-signs-all-new-sessions"
    before = ada_client.session[HASH_SESSION_KEY]
    for settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS in (
        (next_key, [earlier]),
        (earlier, [next_key]),
        (next_key, [earlier]),
        (next_key, []),
    ):
        assert ada_client.get(ADDRESS).status_code == 200
        assert ada_client.session.session_key == key
    assert ada_client.session[HASH_SESSION_KEY] != before
    settings.SECRET_KEY = "another-key-that-has-never-signed-this-session"
    assert ada_client.get(ADDRESS).status_code == 302


def test_a_login_gives_the_session_another_key(ada_client: Client) -> None:
    """Who knew the key before the login, and gave it to the visitor, does not know the session after it."""
    visitor = browser("198.51.100.7")
    before = visitor.session
    before["seen"] = True
    before.save()
    assert sign_in(visitor).session.session_key != before.session_key
