"""A pytest plugin for tests of a project: `pytest_plugins = ["bedplate.testing.plugin"]` in its `conftest.py`."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client
from django.utils import translation
from pytest_django import Settings

PASSWORD: Final = "correct-horse-9"  # noqa: S105 - for test users only
"""The password of the users that these fixtures create."""


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Activate the default language again after the test: a request in French leaves French to the next test."""
    with translation.override(translation.get_language()):
        yield


@pytest.fixture
def client() -> Client:
    """Return a test client whose requests have the client's address, as from nginx."""
    return Client(headers={"X-Real-IP": "192.0.2.1"})


@pytest.fixture
def configure(settings: Settings) -> Callable[..., None]:
    """Return a function that sets variables of `settings.ENVIRONMENT` for the test: `configure(environment="dev")`."""

    def change(**variables: Any) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=variables)

    return change


@pytest.fixture
def user(db: None) -> AbstractBaseUser:  # noqa: ARG001 - for its side effect
    """Return a user who is not staff."""
    manager: Any = get_user_model().objects
    created: AbstractBaseUser = manager.create_user("ada@example.org", PASSWORD)
    return created


@pytest.fixture
def staff(db: None) -> AbstractBaseUser:  # noqa: ARG001 - for its side effect
    """Return a superuser."""
    manager: Any = get_user_model().objects
    created: AbstractBaseUser = manager.create_superuser("grace@example.org", PASSWORD)
    return created


@pytest.fixture
def own_cache(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Give the test its own cache, in which rate limits are counted."""
    settings.CACHES = {"default": {"BACKEND": "bedplate.django.cache.MemoryCache", "LOCATION": request.node.nodeid}}
