"""A user's token, and clients that use it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from bedplate.django.api.models import ApiToken
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from users.models import User

type AsUser = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _own_cache(own_cache: None) -> None:
    """Count requests for each test."""


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings: Settings) -> Path:
    """Return the folder of private files."""
    default = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path, "base_url": "/media/private/"},
    }
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return tmp_path


@pytest.fixture
def other(db: None) -> User:
    """Return another user."""
    return User.objects.create_user("bob@example.org")


def token_of(user: User, **changes: timedelta) -> str:
    """Return the text of a new token, valid for a day or for `valid`."""
    valid = changes.get("valid", timedelta(days=1))
    return ApiToken.objects.issue(user, name="a program", expires=timezone.now() + valid)[1]


def client_with(token: str) -> Client:
    """Return a client that sends this token, and gets responses to errors."""
    headers = {"X-Real-IP": "192.0.2.1", "Authorization": f"Bearer {token}"}
    return Client(headers=headers, raise_request_exception=False)


@pytest.fixture
def api(user: User) -> Client:
    """Return a client with a token of the user."""
    return client_with(token_of(user))
