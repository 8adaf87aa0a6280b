"""The checks of /health/ready, each against what it is to notice."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from bedplate.django.operations.health import check_cache, check_database
from django.db import connection
from pytest_django import Settings

DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


def test_cache_that_keeps_nothing_is_unavailable(settings: Settings) -> None:
    """It answers, and does not do what sessions and limits need of it."""
    check_cache()
    settings.CACHES = DUMMY
    with pytest.raises(LookupError):
        check_cache()


@pytest.mark.django_db
def test_database_that_is_gone_is_unavailable() -> None:
    """A new connection is asked for: one from before may still answer."""

    def check() -> None:
        connection.settings_dict = {**connection.settings_dict, "NAME": "/nowhere/database"}
        check_database()

    check_database()
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(Exception, match=r"unable to open|does not exist"),
    ):  # a thread has connections of its own
        thread.submit(check).result()
