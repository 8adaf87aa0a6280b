"""Fixtures of tests about accounts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from allauth.account.models import EmailAddress
from bedplate.django.media.models import Document
from bedplate.login_provider import LoginProvider
from bedplate.testing.plugin import PASSWORD
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings
from users.models import User

from applications.accounts.oidc_server import CLIENT_ID, CLIENT_SECRET, Provider, oidc_server

STOP: Final = "/accounts/impersonate/stop/"
FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def browser(address: str = "192.0.2.1") -> Client:
    """Return a client like a browser at this address."""
    return Client(headers={"X-Real-IP": address, "User-Agent": FIREFOX})


@pytest.fixture
def ada_client(user: User, own_cache: None) -> Client:
    """Return a client that has just signed in, of a user with a verified address."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return sign_in(browser())


def sign_in(client: Client, email: str = "ada@example.org") -> Client:
    """Sign in with the password."""
    response = client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert response.status_code == 302, response.content.decode()
    return client


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    """Configure a provider, as the variables would, and run it."""
    with oidc_server() as server:
        variables: Any = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET, "oidc_name": "Acme"}
        found = LoginProvider(oidc_server_url=server.url, **variables)
        settings.SOCIALACCOUNT_PROVIDERS = found.login_providers
        yield server


@pytest.fixture
def verified(user: User) -> User:
    """Return a user with a verified address."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def proven(ada_client: Client) -> Client:
    """Return a client that has just given the password again."""
    ada_client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return ada_client


def save_document(owner: User, name: str, content: bytes = b"hello") -> Document:
    """Return a new document of the user."""
    return Document.objects.create(owner=owner, file=ContentFile(content, name=name))


def folder_of(user: User) -> Path:
    """Return the folder of the user's private files."""
    return Path(default_storage.path(str(user.pk)))


@pytest.fixture
def superuser_client(staff: User, settings: Settings) -> Client:
    """Return a client of a superuser who has just given the password again."""
    settings.ALLAUTH_TRUSTED_CLIENT_IP_HEADER = "X-Real-IP"
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    client = sign_in(browser(), staff.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


@pytest.fixture
def acting(superuser_client: Client, user: User) -> Client:
    """Return a client of a superuser who acts as Ada."""
    assert start_impersonation(superuser_client, user)["Location"] == "/"
    return superuser_client


def start_impersonation(client: Client, user: Any) -> Any:
    """Return the answer to a superuser's request to act as this user, given as a user or as a key."""
    return client.post(f"/accounts/impersonate/{getattr(user, 'pk', user)}/")


def acts_as(client: Client) -> str:
    """Return the name in the header of the page."""
    header = client.get("/").content.decode().partition("</header>")[0]
    found = re.search(r'<a href="/accounts/email/"[^>]*>(.*?)</a>', header)
    return found[1] if found else ""
