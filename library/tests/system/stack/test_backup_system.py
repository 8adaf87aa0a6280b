"""The backup system on PostgreSQL: tests that need a server and its client pass in its container."""

import pytest
from bedplate.testing.compose import Stack

from stack.roles import superuser_variables

pytestmark = pytest.mark.stack


def test_backup_system_passes_its_tests_in_its_container(stack: Stack) -> None:
    """Backups of a real PostgreSQL restore to the same data, and damage is found before anything is touched."""
    tests = ("python", "-m", "pytest", "/library/tests/backup", "-m", "postgresql", "-p", "no:cacheprovider")
    with superuser_variables(stack) as login:
        assert " passed" in stack.compose("run", "--rm", "--no-deps", "--no-TTY", *login, "cron", *tests, limit=1500)
