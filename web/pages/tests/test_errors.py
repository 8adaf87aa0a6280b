"""The error pages, as in production: no debug pages."""

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config.urls import handler400, handler500
from config.urls import urlpatterns as site
from users.models import User

pytestmark = pytest.mark.urls(__name__)


def fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret of ours")


def suspect(_request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("a secret of ours")


def refuse(_request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


urlpatterns = [path("fail", fail), path("suspect", suspect), path("refuse", refuse), *site]
__all__ = ["handler400", "handler500"]


@pytest.fixture
def client() -> Client:
    """Return a client that gets the error page, instead of raising the exception in the test."""
    return Client(raise_request_exception=False, headers={"X-Real-IP": "192.0.2.1"})


@pytest.mark.parametrize("session", ["", "any-session"])
def test_a_failure_gets_a_page_without_the_database(client: Client, session: str) -> None:
    # The test may not use the database: the view fails, or reading this session does.
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    response = client.get("/fail")
    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong" in page
    assert "/static/css/site.css" in page
    assert "a secret of ours" not in page


def test_the_page_of_a_failure_shows_the_request_id_of_the_logs(client: Client) -> None:
    response = client.get("/fail", headers={"X-Request-ID": "abc-123"})
    assert "<code>abc-123</code>" in response.content.decode()


def test_a_suspicious_request_gets_a_page_without_the_database(client: Client) -> None:
    response = client.get("/suspect")
    assert response.status_code == 400
    assert "Bad request" in response.content.decode()


def test_an_unknown_host_is_refused(client: Client) -> None:
    # The test may not use the database: reading this session would fail.
    client.cookies[settings.SESSION_COOKIE_NAME] = "any-session"
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "Bad request" in response.content.decode()


@pytest.mark.django_db
def test_an_unknown_address_gets_a_page_with_a_link_to_the_home_page(client: Client) -> None:
    response = client.get("/nowhere")
    page = response.content.decode()
    assert response.status_code == 404
    assert "Page not found" in page
    assert 'href="/"' in page


def test_the_page_of_a_refusal_names_the_user(client: Client, user: User) -> None:
    client.force_login(user)
    response = client.get("/refuse")
    assert response.status_code == 403
    assert "ada@example.org" in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_gets_a_page_that_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/accounts/login/", {"login": "ada@example.org"})
    assert response.status_code == 403
    assert "send the form again" in response.content.decode()
