"""The backup system on PostgreSQL: tests that need a server and its client pass in its container."""

from typing import Final

import pytest
from bedplate.testing.compose import Stack

from stack.roles import superuser_variables

pytestmark = pytest.mark.stack

FOLDER: Final = "/library/tests/backup"
RARE: Final = (  # servers and moments that few have: in ./run_tests.sh slow
    "damaged_databases",
    "exported_dumps",
    "foreign_servers",
    "many_tables",
    "time_limit",
    "undone_production",
    "while_in_use",
)


def pass_in_its_container(stack: Stack, *tests: str) -> None:
    """Run these tests in the container of cron, as a superuser of PostgreSQL."""
    command = ("python", "-m", "pytest", *tests, "-m", "postgresql", "-p", "no:cacheprovider")
    with superuser_variables(stack) as login:
        assert " passed" in stack.compose("run", "--rm", "--no-deps", "--no-TTY", *login, "cron", *command, limit=1500)


def test_backup_system_passes_its_tests_in_its_container(stack: Stack) -> None:
    """Backups of a real PostgreSQL restore to the same data, and damage is found before anything is touched."""
    elsewhere = ("test_s3_media.py", *(f"postgresql/test_{name}.py" for name in RARE))  # no container has S3's client
    pass_in_its_container(stack, FOLDER, *(f"--ignore={FOLDER}/{each}" for each in elsewhere))


@pytest.mark.slow
def test_backup_system_passes_its_rare_tests(stack: Stack) -> None:
    """So they do on damaged, foreign and huge servers, and in use."""
    pass_in_its_container(stack, *(f"{FOLDER}/postgresql/test_{name}.py" for name in RARE))
