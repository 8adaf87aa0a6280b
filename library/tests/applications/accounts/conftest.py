"""Fixtures of tests about accounts."""

from typing import Final

import pytest
from allauth.account.models import EmailAddress
from bedplate.testing.plugin import PASSWORD
from django.test import Client
from users.models import User

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
