"""The backup system on PostgreSQL: tests that need a server and its client pass in its container."""

from typing import Final

import pytest
from bedplate.testing.compose import Stack

from stack.roles import superuser_variables

pytestmark = pytest.mark.stack

FOLDER: Final = "/library/tests/backup"


def pass_in_its_container(stack: Stack, marked: str) -> None:
    """Run the tests that are marked so in the container of cron, as a superuser of PostgreSQL."""
    elsewhere = f"--ignore={FOLDER}/test_s3_media.py"  # no container has S3's client
    command = ("python", "-m", "pytest", FOLDER, elsewhere, "-m", marked, "-p", "no:cacheprovider")
    with superuser_variables(stack) as login:
        assert " passed" in stack.compose("run", "--rm", "--no-deps", "--no-TTY", *login, "cron", *command, limit=1500)


def test_backup_system_passes_its_tests_in_its_container(stack: Stack) -> None:
    """Backups of a real PostgreSQL restore to the same data, and damage is found before anything is touched."""
    pass_in_its_container(stack, "postgresql and not slow")


@pytest.mark.slow
def test_backup_system_passes_its_rare_tests(stack: Stack) -> None:
    """So they do on damaged, foreign and huge servers, and in use."""
    pass_in_its_container(stack, "postgresql and slow")
