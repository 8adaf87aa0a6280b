"""The error pages, from outside, as in production: no debug pages."""

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
    """Return a browser that gets the error page of a failure, where Django's would raise it in the test."""
    return Client(raise_request_exception=False, headers={"X-Real-IP": "192.0.2.1"})


def test_a_failure_gets_a_page_though_the_database_is_away(client: Client) -> None:
    # The test may not use the database: asking it about this session would fail.
    client.cookies[settings.SESSION_COOKIE_NAME] = "whoever"
    response = client.get("/fail")
    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong" in page
    assert "/static/css/site.css" in page
    assert "a secret of ours" not in page


def test_a_failure_s_page_shows_the_id_that_the_logs_have(client: Client) -> None:
    response = client.get("/fail", headers={"X-Request-ID": "abc-123"})
    assert "<code>abc-123</code>" in response.content.decode()


def test_a_suspicious_request_gets_a_page_though_the_database_is_away(client: Client) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "whoever"
    response = client.get("/suspect")
    assert response.status_code == 400
    assert "Bad request" in response.content.decode()


def test_an_unknown_host_is_refused(client: Client) -> None:
    response = client.get("/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "Bad request" in response.content.decode()


@pytest.mark.django_db
def test_an_unknown_address_gets_a_page_with_the_way_home(client: Client) -> None:
    response = client.get("/nowhere")
    page = response.content.decode()
    assert response.status_code == 404
    assert "Page not found" in page
    assert 'href="/"' in page


def test_who_is_refused_is_told_as_whom(client: Client, user: User) -> None:
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
