"""Who is measured: the backup system, PostgreSQL's own tools, what stock templates do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stack.laboratory.processes import Ended
from stack.laboratory.project import TOOL, Laboratory

FOLDER: Final = "file:///data/backups"
BUCKET: Final = "gs://laboratory"
SCRATCH: Final = "data/backup_system/scratch-*"
LIMIT: Final = 1800

CONNECTION: Final = 'export PGHOST=postgres PGUSER=app PGPASSWORD="$POSTGRES_PASSWORD"; set -e; cd /data/stock'
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
        "OPTIONS": {"location": "/data/stock/dbbackup", "allow_overwrite": True},
    },
}
DBBACKUP_TMP_DIR = "/data/stock"
DBBACKUP_FILENAME_TEMPLATE = "{databasename}.{extension}"
# It goes by the name of the backend; of one that it does not know, it would write what serializes, as JSON.
DBBACKUP_CONNECTOR_MAPPING = {"bedplate.django.postgresql": "dbbackup.db.postgresql.PgDumpBinaryConnector"}
"""
DBBACKUP_VARIABLES: Final = {"DJANGO_SETTINGS_MODULE": "stock_settings", "PYTHONPATH": "/data/stock/packages"}
DBBACK_UP: Final = ("sh", "-c", "python manage.py dbbackup -z && test -s /data/stock/dbbackup/default.psql.bin.gz")


@dataclass(frozen=True)
class Stock:
    """Programs that everybody has, in the same container as the backup system."""

    laboratory: Laboratory

    def prepare(self) -> None:
        """Make a folder for what they write."""
        self.laboratory.run_well(["mkdir", "-p", "/data/stock/dbbackup", "/data/backups"])
        self.laboratory.ask("make_bucket", name="laboratory")

    def shell(self, command: str) -> Ended:
        """Return how a command of the shell ended, well."""
        return self.laboratory.run_well(["sh", "-c", f"{CONNECTION}; {command}"], limit=LIMIT)

    def load(self) -> Ended:
        """Return how pg_restore made a database of the last dump."""
        self.laboratory.ask("query", sql="CREATE DATABASE stock", database="postgres")
        ended = self.shell(LOAD)
        self.laboratory.ask("query", sql="DROP DATABASE stock", database="postgres")
        return ended

    def dump_size(self) -> int:
        """Return the bytes of the last dump."""
        return int(self.shell("du --bytes --summarize dump").output.split()[0])

    def install_dbbackup(self) -> str:
        """Install django-dbbackup for this run. Return why it cannot run here, or nothing."""
        installed = self.laboratory.run(
            [
                "/usr/local/bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target=/data/stock/packages",
                DBBACKUP,
            ]
        )
        if installed.status:
            return installed.output[-500:]
        self.laboratory.run(
            ["sh", "-c", 'printf %s "$1" >/data/stock/packages/stock_settings.py', "sh", DBBACKUP_SETTINGS]
        )
        tried = self.laboratory.run(DBBACK_UP, variables=DBBACKUP_VARIABLES, limit=LIMIT)
        return tried.output[-1500:] if tried.status else ""

    def dbbackup(self) -> Ended:
        """Return how django-dbbackup ended, well."""
        return self.laboratory.run_well(DBBACK_UP, variables=DBBACKUP_VARIABLES, limit=LIMIT)


@dataclass(frozen=True)
class Candidate:
    """The backup system with one of its stores."""

    laboratory: Laboratory
    store: str

    def back_up(self) -> Ended:
        """Return how a back up ended."""
        return self._tool("--backup")

    def verify(self) -> Ended:
        """Return how the drill on the newest backup ended: fetch, restore, compare."""
        return self._tool("--verify", "latest")

    def restore(self) -> Ended:
        """Return how a restore of the newest backup ended."""
        return self._tool("--restore", "latest")

    def prune(self) -> Ended:
        """Remove all backups but the newest."""
        return self._tool("--prune")

    def _tool(self, *arguments: str) -> Ended:
        keep = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}
        variables = {"BACKUP_URL": self.store, **keep}
        return self.laboratory.run_well([*TOOL, *arguments], variables=variables, scratch=SCRATCH, limit=LIMIT)


def seconds_of(step: str, ended: Ended) -> float:
    """Return how long a step of the backup system took, as it says itself."""
    found = re.search(rf"^{step}: done in ([0-9.]+) s", ended.output, re.MULTILINE)
    if not found:
        raise ValueError(f"There is no step {step} in this:\n{ended.output}")
    return float(found[1])


def received(laboratory: Laboratory, run: Callable[..., str]) -> int:
    """Return how many bytes the store's container has received since it started."""
    return int(run("docker", "exec", laboratory.container("store"), "cat", "/sys/class/net/eth0/statistics/rx_bytes"))
