"""The library in LOCAL's containers: its applications' tests pass on PostgreSQL and Valkey; its code is reloaded."""

from typing import Final

import pytest
from bedplate.testing.compose import Stack, wait_until

from stack.editing import appended
from stack.roles import superuser_variables

pytestmark = pytest.mark.stack

PROBE = """

from django.http import HttpResponse
urlpatterns.append(path("reload-probe", lambda request: HttpResponse("new library")))
"""


TESTS: Final = "/library/tests/applications"
# Each starts programs of its own, with other settings, and uses no database of this container; they ran on SQLite's.
ELSEWHERE: Final = (
    "development/test_debugger.py",
    "development/test_new_app.py",
    "development/test_translations.py",
    "media/test_s3.py",
    "test_sentry.py",
    "test_own_folder.py",
    "test_production_mail.py",
)


def test_its_applications_pass_their_tests_in_the_container(stack: Stack) -> None:
    """They run on the project's database and queue; some need a superuser for their setup."""
    tests = (TESTS, *(f"--ignore={TESTS}/{each}" for each in ELSEWHERE), "--create-db", "-p", "no:cacheprovider")
    with superuser_variables(stack) as login:
        command = (*login, "web", "python", "-m", "pytest", *tests)
        assert " passed" in stack.compose("exec", "--no-TTY", *command, limit=900)


def test_changed_library_is_served(stack: Stack) -> None:
    """A saved change of the library is served, as one of the application is."""
    urls = stack.directory / "library/src/bedplate/django/operations/health_urls.py"
    assert stack.status("/health/reload-probe") == 404
    with appended(urls, PROBE):
        wait_until(lambda: stack.get("/health/reload-probe").text == "new library", limit=20, what="it is served")
    wait_until(lambda: stack.status("/health/reload-probe") == 404, limit=20, what="the old library is served again")
