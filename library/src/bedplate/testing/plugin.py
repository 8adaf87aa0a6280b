"""A pytest plugin for tests of a project: `pytest_plugins = ["bedplate.testing.plugin"]` in its `conftest.py`."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client
from pytest_django import Settings

PASSWORD: Final = "correct-horse-9"  # noqa: S105 - of the tests' users alone
"""Of the users that these fixtures make."""


@pytest.fixture
def client() -> Client:
    """Return a browser that reaches the site as through nginx, which tells where a request comes from."""
    return Client(headers={"X-Real-IP": "192.0.2.1"})


@pytest.fixture
def configure(settings: Settings) -> Callable[..., None]:
    """Return what sets variables of `settings.ENVIRONMENT` for the test: `configure(environment="dev")`."""

    def change(**variables: Any) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=variables)

    return change


@pytest.fixture
def user(db: None) -> AbstractBaseUser:  # noqa: ARG001 - asked for its effect
    """Return a user who is not staff."""
    manager: Any = get_user_model().objects
    made: AbstractBaseUser = manager.create_user("ada@example.org", PASSWORD)
    return made


@pytest.fixture
def staff(db: None) -> AbstractBaseUser:  # noqa: ARG001 - asked for its effect
    """Return a user who may do everything."""
    manager: Any = get_user_model().objects
    made: AbstractBaseUser = manager.create_superuser("grace@example.org", PASSWORD)
    return made


@pytest.fixture
def own_cache(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Give the test a cache that nothing else uses: rate limits are counted there."""
    settings.CACHES = {"default": {"BACKEND": "bedplate.django.cache.MemoryCache", "LOCATION": request.node.nodeid}}
