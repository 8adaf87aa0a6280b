"""What the tests of every app use."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from config.celery import app
from operations.models import TaskRun
from users.models import User

PASSWORD = "correct-horse-9"


def send_queued_mail() -> int:
    """Do what a worker would do with the mails that requests have asked for. Return how many tasks there were."""
    runs = list(TaskRun.objects.unfinished().filter(name__startswith="users.tasks."))
    for run in runs:
        args, kwargs = json.loads(run.arguments)
        app.tasks[run.name].apply(args, kwargs, task_id=str(run.pk), throw=True)
    return len(runs)


@pytest.fixture
def client() -> Client:
    """Return a browser that reaches the site as through nginx, which tells where a request comes from."""
    return Client(headers={"X-Real-IP": "192.0.2.1"})


@pytest.fixture
def configure(settings: Settings) -> Callable[..., None]:
    """Return what sets variables of `config.environment` for the test: `configure(environment="dev")`."""

    def change(**variables: Any) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=variables)

    return change


@pytest.fixture
def user(db: None) -> User:
    """Return a user who is not staff."""
    return User.objects.create_user("ada@example.org", PASSWORD)


@pytest.fixture
def staff(db: None) -> User:
    """Return a user who may do everything."""
    return User.objects.create_superuser("grace@example.org", PASSWORD)


@pytest.fixture
def own_cache(settings: Settings, request: pytest.FixtureRequest) -> None:
    """Give the test a cache that nothing else uses: rate limits are counted there."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": request.node.nodeid}
    }
