"""The main process of the cron container: supercronic triggers, the rows decide.

It writes down when each task is due next, starts supercronic, which begins the tasks on time, and looks after the
runs that were not begun, or did not end.
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
from bedplate.django.cron_runs.crontab import RECORDER, Crontab, read_crontab
from bedplate.django.cron_runs.locks import held_locks, lock_number
from bedplate.django.cron_runs.models import CronRun
from bedplate.django.cron_runs.processes import children, descendants
from bedplate.django.operations import heartbeat

logger = logging.getLogger(__name__)

INTERVAL: Final = 2.0
HEARTBEAT: Final = Path("/tmp/heartbeat")  # noqa: S108 - the container's own
# A due run that nobody has begun for so long is begun here; after so much more, it is missed.
LATE: Final = timedelta(seconds=10)
MISSED: Final = timedelta(seconds=30)
# How long a running run may be without its lock: its process has just been started, or looks for the database.
UNHELD: Final = timedelta(seconds=20)
# Of tasks that are told to stop: longer than the module `command` gives them, less than the container has.
STOP_LIMIT: Final = 45.0


class SupervisorError(Exception):
    """The supervisor cannot go on: the message says why."""


class Supervisor:
    """Keeps the tasks of a crontab running."""

    def __init__(self, *, crontab: Path, zone: ZoneInfo) -> None:
        self._path = crontab
        self._zone = zone
        self._supercronic: subprocess.Popen[bytes] | None = None
        self._recorders: list[subprocess.Popen[bytes]] = []
        self._begun: set[int] = set()
        self._unheld: dict[int, datetime] = {}
        self._sees_database = True

    def run(self) -> None:
        """Run until SIGTERM. Raise CrontabError or SupervisorError if it cannot."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt
        read_crontab(self._path, zone=self._zone)
        # Unasked, supercronic would take itself for the container's first process.
        command = ["supercronic", "-no-reap", "-quiet", "-passthrough-logs", "-inotify", str(self._path)]
        self._supercronic = subprocess.Popen(command)
        try:
            while True:
                self._tick()
                time.sleep(INTERVAL)
        except KeyboardInterrupt:
            logger.info("Cron: told to stop")
        finally:
            self._stop()

    def _tick(self) -> None:
        HEARTBEAT.touch()
        crontab = read_crontab(self._path, zone=self._zone)
        if self._supercronic is not None and self._supercronic.poll() is not None:
            raise SupervisorError(f"supercronic ended with {self._supercronic.returncode}; why, it says above")
        self._recorders = [recorder for recorder in self._recorders if recorder.poll() is None]
        self.see_to(crontab)

    def see_to(self, crontab: Crontab) -> None:
        """Look after all runs, and leave a sign of life, if the database answers."""
        close_old_connections()
        try:
            self.look(crontab, now=timezone.now())
        except Error as error:
            if self._sees_database:
                logger.warning("Cron: the database does not answer; it is tried until it does: %s", error)
            self._sees_database = False
        else:
            self._sees_database = True
            heartbeat.beat("cron")  # not without the database: no task would run

    def look(self, crontab: Crontab, *, now: datetime) -> None:
        """Look after all runs, as of now: those to come, those that are late, those that were killed."""
        coming = [
            CronRun(task=task.name, command=task.command, scheduled_for=task.next_time(now))
            for task in crontab.tasks.values()
        ]
        CronRun.objects.schedule(coming, now=now)
        for run in CronRun.objects.due(now - LATE):
            self._look_after_late(run, crontab, now=now)
        self._look_after_killed(now=now)

    def _look_after_late(self, run: CronRun, crontab: Crontab, *, now: datetime) -> None:
        if now - run.scheduled_for <= MISSED:
            if run.pk not in self._begun:
                self._begun.add(run.pk)
                self.begin(run, crontab)
            return
        task = crontab.tasks[run.task]
        due = f"{run.scheduled_for.astimezone(self._zone):%Y-%m-%d %H:%M %Z}"
        # A run in place of another has a reason; if it is missed too, that is no passing trouble.
        instead = f"In place of the run of {due}." if task.is_rare(now) and not run.reason else ""
        reason = "Nothing ran it when it was due" + ("; it runs now." if instead else ".")
        if CronRun.objects.miss(run, reason=reason, now=now, instead=instead):
            alert(run.task, f"Missed. {reason}", details=f"It was due at {due}.")

    def begin(self, run: CronRun, crontab: Crontab) -> None:
        """Begin a run as supercronic would. It does not, on days that the clock changes, or while it reads a change."""
        logger.info("Cron: %s is late; it begins now", run.task)
        environment = os.environ | crontab.variables
        command = [RECORDER, "-c", run.command]
        self._recorders.append(subprocess.Popen(command, env=environment, start_new_session=True))

    def _look_after_killed(self, *, now: datetime) -> None:
        running = list(CronRun.objects.filter(state=CronRun.State.RUNNING).order_by("started"))
        newest = {run.task: run for run in running}  # the others of a task, whose lock it has, are gone
        held = held_locks() if running else set()
        unheld = [run for run in running if run != newest[run.task] or lock_number(run.task) not in held]
        self._unheld = {run.pk: self._unheld.get(run.pk, now) for run in unheld}
        for run in unheld:
            reason = "Killed: the process that ran it is gone."
            if now - self._unheld[run.pk] >= UNHELD and CronRun.objects.give_up(run, reason=reason, now=now):
                alert(run.task, reason)

    def _stop(self) -> None:
        """End supercronic and the tasks that run: asked first, by force if they do not."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        deadline = time.monotonic() + STOP_LIMIT
        asked: set[int] = set()
        while (running := self._running()) and time.monotonic() < deadline:
            for process in running - asked:
                _signal(process, signal.SIGTERM)
            asked |= running
            time.sleep(0.1)
        for process in descendants(os.getpid()):
            _signal(process, signal.SIGKILL)

    def _running(self) -> set[int]:
        """Return supercronic and what records runs. The commands themselves are told by what records them."""
        mine = children(os.getpid())
        return mine | {grandchild for child in mine if self._is_supercronic(child) for grandchild in children(child)}

    def _is_supercronic(self, process: int) -> bool:
        return self._supercronic is not None and process == self._supercronic.pid


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
