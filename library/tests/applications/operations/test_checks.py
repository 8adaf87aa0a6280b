"""The checks of /health/ready, each with its failure."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from bedplate.django.operations.health import check_cache, check_database
from django.db import connection
from pytest_django import Settings

DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


def test_cache_that_stores_nothing_is_unavailable(settings: Settings) -> None:
    """It answers, but does not store the values of rate limits."""
    check_cache()
    settings.CACHES = DUMMY
    with pytest.raises(LookupError):
        check_cache()


@pytest.mark.django_db
def test_deleted_database_is_unavailable() -> None:
    """The check opens a new connection: an old one may still answer."""

    def check() -> None:
        connection.settings_dict = {**connection.settings_dict, "NAME": "/nowhere/database"}
        check_database()

    check_database()
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(Exception, match=r"unable to open|does not exist"),
    ):  # a thread has its own connections
        thread.submit(check).result()
