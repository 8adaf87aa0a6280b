"""An app whose handlers write to storage, cache, queue, mail and HTTP reaches nothing live from a copy."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import copy_checkout, free_port, unique_slug
from bedplate.testing.compose import Stack, run

from stack.signing import as_environment, trust_key
from stack.valkey import LISTS

pytestmark = pytest.mark.stack

SPY: Final = Path(__file__).parent / "spy"
LATER: Final = "migrations/0002_traces.py"
STORE: Final = "file:///data/backups"
FILL: Final = """
from django.core.cache import cache
from spy.models import Note
Note.objects.create(text="Dear Erika")
cache.set("precious", "value", timeout=None)
"""


@dataclass(frozen=True, kw_only=True)
class Live:
    """Everything live, as hashes and counters."""

    database: str
    media: str
    cache: str
    queue: int
    mail: str
    requests: int


@dataclass(frozen=True)
class Spied:
    """A stack with the app, and a backup of PROD made before its data migration."""

    stack: Stack
    home: Path

    def shell(self, service: str, command: str) -> str:
        """Return the output of a shell command in the service's container."""
        return self.stack.exec(service, "sh", "-c", command)

    def look(self) -> Live:
        """Return the live state."""
        files = "cd /data/uploads && find . -path ./.backup_system -prune -o -type f -exec sha256sum {} + | sort"
        dump = "pg_dump --username=app --exclude-table-data=cron_runs_cronrun app | grep -v restrict"
        return Live(
            database=hashlib.sha256(self.shell("postgres", dump).encode()).hexdigest(),
            media=self.shell("web", files),
            cache="\n".join(sorted(self.stack.valkey("cache", "--scan").split())),
            queue=sum(int(self.stack.valkey("valkey", "llen", name)) for name in LISTS),
            mail=self.shell("web", "ls /data/mail"),
            requests=self.stack.compose("logs", "web").count("/spy-http"),
        )

    def tool(self, *arguments: str) -> str:
        """Return the output of ./google_storage.sh."""
        variables = {"XDG_CONFIG_HOME": str(self.home), "CLOUDSDK_CONFIG": str(self.home / "no-gcloud")}
        script = self.stack.directory / "google_storage.sh"
        return run(script, *arguments, directory=self.stack.directory, limit=300, variables=variables)


def plant(directory: Path, *, later: bool) -> None:
    """Put the app into the project, with its data migration only if `later`; no cron jobs, which record their runs."""
    shutil.copytree(SPY, directory / "web/spy", dirs_exist_ok=True)
    crontab = directory / "cron/crontab"
    crontab.write_text("".join(line for line in crontab.read_text().splitlines(True) if not re.match(r"[\d*]", line)))
    if not later:
        (directory / "web/spy" / LATER).unlink()
        settings = directory / "web/config/settings.py"
        settings.write_text(settings.read_text().replace("INSTALLED_APPS = [\n", 'INSTALLED_APPS = [\n    "spy",\n', 1))


@pytest.fixture(scope="module")
def spied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spied]:
    """Return the stack: with a file, a cached value and a row that the handlers would remove."""
    folder = tmp_path_factory.mktemp("spied")
    stack = Stack(directory=copy_checkout(folder / "site"), project=unique_slug(), port=free_port())
    plant(stack.directory, later=False)
    try:
        stack.install()
        stack.compose("stop", "celery")  # so that tasks stay in the queue
        stack.manage("shell", "--no-imports", "--command", FILL)
        as_prod = (*as_environment("prod"), "--env", f"BACKUP_URL={STORE}")
        trust_key(stack.directory, f"{stack.project}/prod")
        tool = ("cron", "python", "-m", "bedplate.backup")
        stack.compose("run", "--rm", "--no-deps", "--no-TTY", *as_prod, *tool, "--backup", limit=300)
        plant(stack.directory, later=True)
        stack.manage("migrate")
        stack.exec("web", "sh", "-c", "cd /data/uploads && mkdir -p private && echo precious >private/precious.txt")
        stack.valkey("cache", "set", ":1:precious", "value")
        yield Spied(stack, folder)
    finally:
        stack.remove()


def test_the_handlers_do_reach_what_is_live(spied: Spied) -> None:
    """The stack's own actions, before it is filled, show it: otherwise the other tests would prove nothing."""
    live = spied.look()
    assert "post_migrate" in live.media
    assert "trace-migration" in live.cache
    assert live.queue > 0
    assert live.mail
    assert live.requests > 0
    assert "precious.txt" in live.media


def test_a_restore_verification_reaches_nothing_live(spied: Spied) -> None:
    """It migrates the copy, so the data migration and the handlers run."""
    before = spied.look()
    spied.tool("--verify", "latest:prod")
    assert spied.look() == before


def test_an_export_reaches_nothing_live(spied: Spied) -> None:
    """It erases rows of the copy."""
    before = spied.look()
    spied.stack.compose(
        "run", "--rm", "--no-deps", "--no-TTY", "cron",
        "sh", "-c", "python -m bedplate.backup --export database,media >/tmp/export.tar",
        limit=300,
    )  # fmt: skip
    assert spied.look() == before


def test_a_restore_reaches_nothing_live(spied: Spied) -> None:
    """It replaces database and media, as it should: the previous ones are kept, the rest is unchanged."""
    before = spied.look()
    spied.tool("-r", "latest:prod")
    after = spied.look()
    assert replace(after, database=before.database, media=before.media) == before
    assert "traces/" not in after.media
    kept = "cd /data/uploads/.backup_system/previous-*/media && find . -type f -exec sha256sum {} + | sort"
    assert spied.stack.exec("cron", "sh", "-c", kept) == before.media
