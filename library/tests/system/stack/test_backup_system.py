"""The backup system on PostgreSQL: tests that need a server and its client pass in its container."""

from typing import Final

import pytest
from bedplate.testing.compose import Stack

from stack.roles import superuser_variables

pytestmark = pytest.mark.stack

ELSEWHERE: Final = ("--ignore=/library/tests/backup/test_s3_media.py",)  # no container has a client of S3


def test_backup_system_passes_its_tests_in_its_container(stack: Stack) -> None:
    """Backups of a real PostgreSQL restore to the same data, and damage is found before anything is touched."""
    tests = (
        "python",
        "-m",
        "pytest",
        "/library/tests/backup",
        *ELSEWHERE,
        "-m",
        "postgresql",
        "-p",
        "no:cacheprovider",
    )
    with superuser_variables(stack) as login:
        assert " passed" in stack.compose("run", "--rm", "--no-deps", "--no-TTY", *login, "cron", *tests, limit=1500)
