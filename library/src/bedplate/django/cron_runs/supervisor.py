"""The main process of the cron container.

It schedules the next run of each task as a row, starts supercronic, which starts the tasks on time, and handles runs
that are late, missed or killed.
"""

import logging
import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from django.db import Error, close_old_connections
from django.utils import timezone

from bedplate.django.cron_runs.alerts import alert
from bedplate.django.cron_runs.crontab import WRAPPER, Crontab, read_crontab
from bedplate.django.cron_runs.locks import held_locks, lock_number
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.cron_runs.processes import children, descendants
from bedplate.django.operations import heartbeat

logger = logging.getLogger(__name__)

INTERVAL: Final = 2.0  # seconds between checks of all runs
HEARTBEAT: Final = Path("/tmp/heartbeat")  # noqa: S108 - the container's own
# A run that is not claimed this long after its time is started here, or counts as missed.
LATE_AFTER: Final = timedelta(seconds=10)
MISSED_AFTER: Final = timedelta(seconds=30)
# A running run without its lock counts as killed after this: its process may have just started, or be reconnecting.
KILLED_AFTER: Final = timedelta(seconds=20)
# Seconds for tasks to stop: longer than STOP_GRACE_PERIOD of the module `command`, shorter than `stop_grace_period`
# of the service.
STOP_TIMEOUT: Final = 45.0


class SupervisorError(Exception):
    """The supervisor cannot continue: the message says why."""


class Supervisor:
    """Runs the tasks of a crontab."""

    def __init__(self, *, crontab: Path, zone: ZoneInfo) -> None:
        self._path = crontab
        self._zone = zone
        self._supercronic: subprocess.Popen[bytes] | None = None
        self._runners: list[subprocess.Popen[bytes]] = []
        self._begun: set[int] = set()
        self._unheld: dict[int, datetime] = {}
        self._sees_database = True
        self._version = ""

    def run(self) -> None:
        """Run until SIGTERM. Raise CrontabError or SupervisorError if that is not possible."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt
        read_crontab(self._path, zone=self._zone)
        # -no-reap: supercronic is not the first process of the container.
        command = ["supercronic", "-no-reap", "-quiet", "-passthrough-logs", "-inotify", str(self._path)]
        self._version = supercronic_version()
        self._supercronic = subprocess.Popen(command)
        try:
            while True:
                self._tick()
                time.sleep(INTERVAL)
        except KeyboardInterrupt:
            logger.info("Cron: stopping")
        finally:
            self._stop()

    def _tick(self) -> None:
        HEARTBEAT.touch()
        crontab = read_crontab(self._path, zone=self._zone)
        if self._supercronic is not None and self._supercronic.poll() is not None:
            raise SupervisorError(f"supercronic exited with {self._supercronic.returncode}; the lines above say why")
        self._runners = [runner for runner in self._runners if runner.poll() is None]
        self.check(crontab)

    def check(self, crontab: Crontab) -> None:
        """Check all runs. Send the heartbeat if the database answers."""
        close_old_connections()
        try:
            self.check_runs(crontab, now=timezone.now())
        except Error as error:
            if self._sees_database:
                logger.warning("Cron: the database does not answer; retrying until it does: %s", error)
            self._sees_database = False
        else:
            self._sees_database = True
            heartbeat.beat("cron", version=self._version)  # only with the database: without it no task runs

    def check_runs(self, crontab: Crontab, *, now: datetime) -> None:
        """Schedule the next runs, and handle those that are late, missed or killed."""
        upcoming = [
            CronRun(task=task.name, command=task.entry, scheduled_for=task.next_time(now))
            for task in crontab.tasks.values()
        ]
        CronRun.objects.schedule(upcoming, now=now)
        for run in CronRun.objects.due(now - LATE_AFTER):
            self._handle_late(run, crontab, now=now)
        self._mark_killed(now=now)

    def _handle_late(self, run: CronRun, crontab: Crontab, *, now: datetime) -> None:
        if now - run.scheduled_for <= MISSED_AFTER:
            if run.pk not in self._begun:
                self._begun.add(run.pk)
                self.begin(run, crontab)
            return
        task = crontab.tasks[run.task]
        due = f"{run.scheduled_for.astimezone(self._zone):%Y-%m-%d %H:%M %Z}"
        # A run instead of another has a reason. If it is missed too, there is no third one.
        instead = f"Instead of the run of {due}." if task.is_rare(now) and not run.reason else ""
        reason = "It was not started when it was due" + ("; it runs now." if instead else ".")
        if CronRun.objects.mark_missed(run, reason=reason, now=now, instead=instead):
            alert(run.task, f"Missed. {reason}", details=f"It was due at {due}.")

    def begin(self, run: CronRun, crontab: Crontab) -> None:
        """Start a run as supercronic does, which misses some while it reloads, and when the clock changes."""
        logger.info("Cron: %s is late; starting it now", run.task)
        environment = os.environ | crontab.variables
        command = [WRAPPER, "-c", run.command]
        self._runners.append(subprocess.Popen(command, env=environment, start_new_session=True))

    def _mark_killed(self, *, now: datetime) -> None:
        running = list(CronRun.objects.filter(state=CronRun.State.RUNNING).order_by("started"))
        newest = {run.task: run for run in running}  # it holds the lock of its task: older runs are gone
        held = held_locks() if running else set()
        unheld = [run for run in running if run != newest[run.task] or lock_number(run.task) not in held]
        self._unheld = {run.pk: self._unheld.get(run.pk, now) for run in unheld}
        for run in unheld:
            reason = "Killed: the process that ran it is gone."
            if now - self._unheld[run.pk] >= KILLED_AFTER and CronRun.objects.mark_killed(run, reason=reason, now=now):
                alert(run.task, reason)

    def _stop(self) -> None:
        """Stop supercronic and the running tasks: SIGTERM, and SIGKILL after STOP_TIMEOUT."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        deadline = time.monotonic() + STOP_TIMEOUT
        signaled: set[int] = set()
        while (running := self._running()) and time.monotonic() < deadline:
            for process in running - signaled:
                _signal(process, signal.SIGTERM)
            signaled |= running
            time.sleep(0.1)
        for process in descendants(os.getpid()):
            _signal(process, signal.SIGKILL)

    def _running(self) -> set[int]:
        """Return supercronic and the runners. A runner passes SIGTERM on to its command."""
        mine = children(os.getpid())
        return mine | {grandchild for child in mine if self._is_supercronic(child) for grandchild in children(child)}

    def _is_supercronic(self, process: int) -> bool:
        return self._supercronic is not None and process == self._supercronic.pid


def supercronic_version() -> str:
    """Return supercronic's name, and its version if its build has one; empty if it does not start."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["supercronic", "-version"]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.split()
        number = printed[-1] if printed else ""
        return "supercronic" if number in ("", "<unset>") else f"supercronic {number}"[:50]
    return ""


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
