"""A night of a PROD stack: its cron runs the unchanged crontab, and tests move its clock to the next line.

A time zone made for the test moves the time of day; supercronic and Python both read it: they handle each minute of
the crontab as on any night. libfaketime moves the day, for Python alone: supercronic, in Go, never calls the C
library for the time, and whole days do not change its time of day.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, override

from bedplate.testing.compose import wait_until
from bedplate.testing.server import EMAIL, Server

from stack.cron import Cron, Run
from stack.storage import CLEAR_LINE

COMPOSE_FILE: Final = "library/tests/system/stack/night/compose.yml"
TOOL: Final = ("python", "-m", "bedplate.backup")
STORE: Final = "/data/backups/night"
HALF_A_DAY: Final = timedelta(hours=12)
# From the move of the clock until the task is due: by then cron must be running, and have read its crontab.
AHEAD: Final = timedelta(seconds=25)


def time_zone(offset: timedelta) -> bytes:
    """Return a time zone of that offset from UTC, without transitions (RFC 9636, version 1)."""
    name = b"NIGHT\0"
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, len(name))
    return b"TZif" + b"\0" * 16 + counts + struct.pack(">lbb", round(offset.total_seconds()), 0, 0) + name


def offset_to(time: str, now: datetime) -> timedelta:
    """Return the UTC offset of a place where it is `time` (`03:00`) at `now`, at most half a day."""
    hour, minute = map(int, time.split(":"))
    there = timedelta(hours=hour, minutes=minute)
    here = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    return (there - here + HALF_A_DAY) % timedelta(days=1) - HALF_A_DAY


@dataclass(frozen=True)
class NightCron(Cron):
    """The cron of a PROD stack, with a movable clock and a mail server of the test's own."""

    @property
    def zone(self) -> Path:
        """The file of the time zone."""
        return self.stack.directory / "night.zone"

    def run_at(self, time: str, task: str, *, days: int = 0) -> Run:
        """Return the task's run that the crontab has started at this time of day, n days from now."""
        before = len(self.runs(task))
        wait_until(lambda: self._due_at(time, task, days=days), limit=300, what=f"{task} is due at {time}")
        runs = wait_until(lambda: self._ended(task)[before:], limit=180, what=f"{task} has run at {time}")
        return runs[-1]

    def _due_at(self, time: str, task: str, *, days: int) -> bool:
        """Move the clock; return whether cron was running before the task was due."""
        self.stack.compose("stop", "cron")
        # On another day they would be overdue, and caught up, as after days without power.
        self.stack.query("delete from cron_runs_cronrun where state = 'scheduled'")
        self._write_days(days)
        due = datetime.now(UTC) + AHEAD
        self.zone.write_bytes(time_zone(offset_to(time, due)))
        self.stack.compose("up", "--detach", "--no-deps", "--wait", "cron")
        first, last = (due + timedelta(days=days) + margin for margin in (-AHEAD, AHEAD))
        runs = f"select count(*) from cron_runs_cronrun where task = '{task}'"
        return self.stack.query(f"{runs} and scheduled_for between '{first}' and '{last}'").strip() == "1"

    def _write_days(self, days: int) -> None:
        dotenv = self.stack.directory / ".env"
        lines = [line for line in dotenv.read_text().splitlines() if not line.startswith("NIGHT_DAYS=")]
        dotenv.write_text("\n".join([*lines, f"NIGHT_DAYS={days}", ""]))

    def _ended(self, task: str) -> list[Run]:
        return [run for run in self.runs(task) if run.state != "running"]

    @override
    def subjects(self) -> list[str]:
        lines = self.stack.compose("logs", "--no-log-prefix", "mail").replace(CLEAR_LINE, "").splitlines()
        return [line.partition("] ")[2] for line in lines if line.startswith(f"{self.admin} ")]

    def back_up(self) -> str:
        """Back up on demand; return the backup's name."""
        return self.stack.exec("cron", *TOOL, "--backup").strip().rpartition("/")[2]

    def backups(self) -> dict[str, bool]:
        """Return whether each backup is verified, by its name, the newest first."""
        listed: list[dict[str, Any]] = json.loads(self.stack.exec("cron", *TOOL, "-l", "--json"))
        return {backup["url"].rpartition("/")[2]: backup["verified"] for backup in listed}

    def stored(self) -> set[str]:
        """Return the names of backups in the store, complete or not."""
        folder = f"{STORE}/v1/{self.stack.project}/prod"
        return set(self.stack.exec("cron", "ls", folder).split())


@contextmanager
def night(server: Server) -> Iterator[NightCron]:
    """Give PROD a folder for backups, a mail server, and a cron with a movable clock; undo all of it at the end."""
    dotenv = server.directory / ".env"
    text = dotenv.read_text()
    cron = NightCron(server, admin=EMAIL)
    cron.zone.write_bytes(time_zone(offset_to("12:00", datetime.now(UTC))))  # nothing is due soon
    try:
        dotenv.write_text(text.replace("COMPOSE_FILE=prod.yml", f"COMPOSE_FILE=prod.yml:{COMPOSE_FILE}"))
        server.compose("build", "cron", limit=300)
        server.compose("up", "--detach", "--wait", "mail", "cron")
        yield cron
    finally:
        server.compose("rm", "--stop", "--force", "mail")
        dotenv.write_text(text)
        server.restore()
        server.query("delete from cron_runs_cronrun where state <> 'scheduled'")
        server.exec("cron", "rm", "-rf", STORE)
