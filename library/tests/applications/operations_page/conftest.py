"""Facts that are gathered in the test's own thread, with the test's own connection."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from bedplate.django.operations.shared_call import SharedCall
from bedplate.django.operations_page import services
from bedplate.django.operations_page.gathering import Part
from bedplate.django.operations_page.parts import PARTS
from django.test import Client
from pytest_django import Settings
from users.models import User


class SameThread(Executor):
    """Runs a call at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future with the result or the exception."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def calls() -> Iterator[Any]:
    """Yield the shared calls of all parts and services."""
    yield from services.CALLS.values()
    yield services.HEARTBEATS
    yield from (part._call for part in PARTS.values())  # noqa: SLF001 - for tests only


@pytest.fixture(autouse=True)
def data_folder(settings: Settings) -> None:
    """Create the folder of the tests' data, whose disk is shown."""
    settings.ENVIRONMENT.data_directory.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def same_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gather the facts of parts and services in the test's thread. Keep none from another test."""
    for call in calls():
        monkeypatch.setattr(call, "executor", SameThread())
    forget()
    yield
    forget()


def forget() -> None:
    """Forget the facts that are kept."""
    for part in PARTS.values():
        part.forget()


@pytest.fixture
def replace_part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], Any]], None]:
    """Return a function that replaces what gathers a part."""

    def replace(name: str, gather: Callable[[], Any]) -> None:
        part = Part(name, gather)
        monkeypatch.setattr(part._call, "executor", SameThread())  # noqa: SLF001 - for tests only
        monkeypatch.setitem(PARTS, name, part)

    return replace


@pytest.fixture
def prod(configure: Callable[..., None], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure the site as PROD, without a second factor for staff, and with a Flower that answers."""
    configure(environment="prod")
    settings.STAFF_NEEDS_SECOND_FACTOR = False
    settings.SECURE_SSL_REDIRECT = False
    settings.CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
    flower = SharedCall("flower", lambda: ("Flower 2", 1.0))
    monkeypatch.setattr(flower, "executor", SameThread())
    monkeypatch.setitem(services.CALLS, "flower", flower)


@pytest.fixture
def page(client: Client, staff: User, same_thread: None, own_cache: None) -> Callable[[str], str]:
    """Return a function that opens a page as staff."""
    client.force_login(staff)

    def open_page(address: str = "/operations/") -> str:
        response = client.get(address)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    return open_page
