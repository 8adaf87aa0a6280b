"""The measured programs: the backup system, PostgreSQL's own tools, those of stock templates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stack.chaos.processes import CommandResult
from stack.chaos.project import TOOL, ChaosStack

FOLDER: Final = "file:///data/backups"
BUCKET: Final = "gs://chaos"
SCRATCH: Final = "data/backup_data/scratch-*"
LIMIT: Final = 1800

CONNECTION: Final = 'export PGHOST=postgres PGUSER=app PGPASSWORD="$POSTGRES_PASSWORD"; set -e; cd /data/backups/stock'
DUMP_AND_COPY: Final = "rm -rf dump copy; pg_dump -Fd -j2 --compress=zstd:1 --file=dump app; cp -r dump copy"
DUMP_AND_GZIP: Final = "pg_dump app | gzip > dump.sql.gz"
LOAD: Final = "pg_restore -j2 --dbname=stock dump"

DBBACKUP: Final = "django-dbbackup==5.4"
DBBACKUP_SETTINGS: Final = """
from config.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "dbbackup"]
STORAGES = {
    **STORAGES,
    "dbbackup": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": "/data/backups/stock/dbbackup", "allow_overwrite": True},
    },
}
DBBACKUP_TMP_DIR = "/data/backups/stock"
DBBACKUP_FILENAME_TEMPLATE = "{databasename}.{extension}"
# It goes by the name of the backend; for one that it does not know, it would write serialized JSON.
DBBACKUP_CONNECTOR_MAPPING = {"bedplate.django.postgresql": "dbbackup.db.postgresql.PgDumpBinaryConnector"}
"""
DBBACKUP_VARIABLES: Final = {"DJANGO_SETTINGS_MODULE": "stock_settings", "PYTHONPATH": "/data/backups/stock/packages"}
DBBACK_UP: Final = (
    "sh",
    "-c",
    "python manage.py dbbackup -z && test -s /data/backups/stock/dbbackup/default.psql.bin.gz",
)


@dataclass(frozen=True)
class Stock:
    """Widely used programs, in the same container as the backup system."""

    chaos_stack: ChaosStack

    def prepare(self) -> None:
        """Create a folder for their output."""
        self.chaos_stack.run_checked(["mkdir", "-p", "/data/backups/stock/dbbackup"])
        self.chaos_stack.ask("make_bucket", name="chaos")

    def shell(self, command: str) -> CommandResult:
        """Return the result of a shell command; fail unless it succeeds."""
        return self.chaos_stack.run_checked(["sh", "-c", f"{CONNECTION}; {command}"], limit=LIMIT)

    def load(self) -> CommandResult:
        """Return the result of pg_restore, which loads the last dump into a database."""
        self.chaos_stack.ask("query", sql="CREATE DATABASE stock", database="postgres")
        ended = self.shell(LOAD)
        self.chaos_stack.ask("query", sql="DROP DATABASE stock", database="postgres")
        return ended

    def dump_size(self) -> int:
        """Return the size of the last dump, in bytes."""
        return int(self.shell("du --bytes --summarize dump").output.split()[0])

    def install_dbbackup(self) -> str:
        """Install django-dbbackup for this run. Return why it cannot run here, or an empty string."""
        installed = self.chaos_stack.run(
            [
                "/usr/local/bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target=/data/backups/stock/packages",
                DBBACKUP,
            ]
        )
        if installed.status:
            return installed.output[-500:]
        self.chaos_stack.run(
            ["sh", "-c", 'printf %s "$1" >/data/backups/stock/packages/stock_settings.py', "sh", DBBACKUP_SETTINGS]
        )
        tried = self.chaos_stack.run(DBBACK_UP, variables=DBBACKUP_VARIABLES, limit=LIMIT)
        return tried.output[-1500:] if tried.status else ""

    def dbbackup(self) -> CommandResult:
        """Return the result of django-dbbackup; fail unless it succeeds."""
        return self.chaos_stack.run_checked(DBBACK_UP, variables=DBBACKUP_VARIABLES, limit=LIMIT)


@dataclass(frozen=True)
class Candidate:
    """The backup system with one of its stores."""

    chaos_stack: ChaosStack
    store: str

    def back_up(self) -> CommandResult:
        """Return the result of a backup."""
        return self._tool("--backup")

    def verify(self) -> CommandResult:
        """Return the result of a verification of the newest backup: fetch, restore, compare."""
        return self._tool("--verify", "latest")

    def restore(self) -> CommandResult:
        """Return the result of a restore of the newest backup."""
        return self._tool("--restore", "latest")

    def prune(self) -> CommandResult:
        """Remove all backups but the newest."""
        return self._tool("--prune")

    def _tool(self, *arguments: str) -> CommandResult:
        keep = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
        variables = {"BACKUP_URL": self.store, **keep}
        return self.chaos_stack.run_checked([*TOOL, *arguments], variables=variables, scratch=SCRATCH, limit=LIMIT)


def seconds_of(step: str, ended: CommandResult) -> float:
    """Return the duration of a step of the backup system, from its own output."""
    found = re.search(rf"^{step}: done in ([0-9.]+) s", ended.output, re.MULTILINE)
    if not found:
        raise ValueError(f"There is no step {step} in this:\n{ended.output}")
    return float(found[1])


def received(chaos_stack: ChaosStack, run: Callable[..., str]) -> int:
    """Return how many bytes the store's container has received since it started."""
    return int(run("docker", "exec", chaos_stack.container("store"), "cat", "/sys/class/net/eth0/statistics/rx_bytes"))
