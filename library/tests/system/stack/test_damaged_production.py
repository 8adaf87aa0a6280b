"""Restores when production is damaged, by the commands of the how-to page, and those that undo it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import Stack, attempt, run
from documents import commands_of

from stack.roles import as_superuser
from stack.signing import VARIABLES

pytestmark = pytest.mark.stack

SECTION: Final = "When production is damaged"
MEDIUM: Final = "/data/uploads/public/portrait.txt"
PROD: Final[dict[str, dict[str, object]]] = {"cron": {"environment": {"ENVIRONMENT": "prod"} | VARIABLES}}


@contextmanager
def overridden(stack: Stack, override: dict[str, object]) -> Iterator[None]:
    """Make the stack's backup system take it for PROD, with backups in a folder; restore everything at the end."""
    file, dotenv = stack.directory / "docker-compose.override.yml", stack.directory / ".env"
    before = dotenv.read_text()
    file.write_text(json.dumps(override))
    dotenv.write_text(f"{before}\nBACKUP_URL=file:///data/backups\n")
    try:
        yield
    finally:
        file.unlink()
        dotenv.write_text(before)
        stack.restore()


def home(stack: Stack) -> dict[str, str]:
    """Return variables that keep credentials out of the home of the person who runs the tests."""
    return {"XDG_CONFIG_HOME": str(stack.directory / ".config"), "CLOUDSDK_CONFIG": str(stack.directory / ".gcloud")}


def google_storage(stack: Stack, *arguments: str) -> tuple[int, str]:
    """Return the exit status and the output of `./google_storage.sh`."""
    result = attempt(stack.directory / "google_storage.sh", *arguments, limit=300, variables=home(stack))
    return result.returncode, result.stdout + result.stderr


def succeed(stack: Stack, *arguments: str) -> None:
    """Run `./google_storage.sh`; fail unless it succeeds."""
    status, said = google_storage(stack, *arguments)
    assert status == 0, said


def back_up(stack: Stack) -> None:
    """Back up, with one uploaded file."""
    stack.exec("web", "sh", "-c", f"mkdir -p /data/uploads/public && echo smile >{MEDIUM}")
    succeed(stack, "-b")


def drop_the_database(stack: Stack) -> str:
    """Drop the database; return this damage's name."""
    as_superuser(stack, "DROP DATABASE app WITH (FORCE)", database="postgres")
    return "missing-database"


# One bit of a file changes, in its first page, as on a failing disk. Only checksums find it.
FLIP: Final = r"""byte=$(od -An -tu1 -j8150 -N1 "$1")
printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek=8150 conv=notrunc status=none"""


def damage_a_page(stack: Stack) -> str:
    """Damage a page of a table on the disk of the stopped server; return this damage's name."""
    path = as_superuser(stack, "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('users_user')")
    stack.compose("stop", "postgres")
    command = ("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint=sh", "postgres", "-euc", FLIP, "flip", path)
    stack.compose(*command)
    stack.compose("up", "-d", "--wait", "postgres")
    return "damaged-database"


def make_a_medium_unreadable(stack: Stack) -> str:
    """Create a media file that the containers may not read; return this damage's name."""
    stack.exec("web", "sh", "-c", "cd /data/uploads/public && echo locked >locked.txt && chmod 0 locked.txt")
    return "unreadable-media"


SAYS: Final = {
    "missing-database": 'database "app" does not exist',
    "damaged-database": "invalid page in block 0 of relation",
    "unreadable-media": "Media file public/locked.txt cannot be read",
}


@pytest.mark.parametrize(
    "harm",
    [
        drop_the_database,
        pytest.param(damage_a_page, marks=pytest.mark.slow),
        pytest.param(make_a_medium_unreadable, marks=pytest.mark.slow),
    ],
)
def test_how_to_brings_production_back(stack: Stack, harm: Callable[[Stack], str]) -> None:
    """Without the option the restore is refused, and names it; with it the site is back, as it was backed up."""
    with overridden(stack, {"services": PROD}):
        back_up(stack)
        users = stack.query("SELECT count(*) FROM users_user")
        reason = harm(stack)
        status, said = google_storage(stack, "-r", "latest", "--yes-replace", "prod", "--forget-set-aside")
        assert status == 1
        assert SAYS[reason] in said
        assert "--without-backup-first damaged-database, missing-database or unreadable-media" in said
        assert said.rstrip().endswith("Nothing was replaced.")
        assert "Traceback" not in said
        commands = commands_of(ROOT / "library/docs/how-to/backups.md", section=SECTION)[0]
        commands = commands.replace("damaged-database", reason)
        # Data that an earlier test has set aside may be removed.
        commands = commands.replace("--yes-replace prod", "--yes-replace prod --forget-set-aside")
        run("bash", "-euc", commands, directory=stack.directory, limit=400, variables=home(stack))
        assert stack.exec("web", "cat", MEDIUM) == "smile\n"
        assert stack.query("SELECT count(*) FROM users_user") == users
        public = stack.exec("web", "ls", "/data/uploads/public").splitlines()
        assert "portrait.txt" in public
        assert "locked.txt" not in public
        # The damaged data goes: a later restore, another test's, would refuse to remove what is in no backup.
        succeed(stack, "-r", "latest", "--yes-replace", "prod", "--forget-set-aside")


@pytest.mark.slow
def test_changed_media_are_brought_back(stack: Stack) -> None:
    """A restore replaces the uploads; --undo brings them back, and they can be backed up and verified afterwards."""
    with overridden(stack, {"services": PROD}):
        back_up(stack)
        stack.exec("web", "sh", "-c", f"echo late >/data/uploads/late.txt && rm {MEDIUM}")
        succeed(stack, "-r", "latest", "--yes-replace", "prod", "--forget-set-aside")
        listed = stack.exec("web", "sh", "-c", "cd /data/uploads && find . -type f | grep -v backup_system").split()
        assert listed == ["./public/portrait.txt"]
        succeed(stack, "-b")
        succeed(stack, "--undo", "--yes-replace", "prod")
        succeed(stack, "-b")
        succeed(stack, "--verify", "latest")
