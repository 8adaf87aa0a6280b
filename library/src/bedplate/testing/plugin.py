"""A pytest plugin for tests of a project: `pytest_plugins = ["bedplate.testing.plugin"]` in its `conftest.py`."""

import itertools
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, Protocol

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client
from django.utils import translation
from pytest_django import Settings

from bedplate.testing.n_plus_one import guarded

PASSWORD: Final = "correct-horse-9"  # noqa: S105 - for test users only
"""The password of the users that these fixtures create."""


class MakeUser(Protocol):
    """Creates a user: `make_user()`, `make_user("eve@example.org", is_staff=True)`. Each call has its own address."""

    def __call__(self, email: str = "", password: str | None = PASSWORD, **fields: Any) -> Any:
        """Return the new user."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail the test if one of its requests runs a query for each row, with the line. `n_plus_one` allows it."""
    with guarded() as guard:
        result = yield
    if not item.get_closest_marker("n_plus_one"):
        guard.check()
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "n_plus_one: requests of this test may repeat a query; say why beside it")


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
def make_user(db: None) -> MakeUser:  # noqa: ARG001 - for its side effect
    """Return a function that creates users."""
    numbers = itertools.count(1)

    def make(email: str = "", password: str | None = PASSWORD, **fields: Any) -> Any:
        manager: Any = get_user_model().objects
        return manager.create_user(email or f"user{next(numbers)}@example.org", password, **fields)

    return make


@pytest.fixture
def user(make_user: MakeUser) -> AbstractBaseUser:
    """Return a user who is not staff."""
    created: AbstractBaseUser = make_user("ada@example.org")
    return created


@pytest.fixture
def staff(make_user: MakeUser) -> AbstractBaseUser:
    """Return a superuser."""
    created: AbstractBaseUser = make_user("grace@example.org", is_staff=True, is_superuser=True)
    return created


@pytest.fixture
def own_cache(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Give the test its own cache, in which rate limits are counted."""
    settings.CACHES = {"default": {"BACKEND": "bedplate.django.cache.MemoryCache", "LOCATION": request.node.nodeid}}
