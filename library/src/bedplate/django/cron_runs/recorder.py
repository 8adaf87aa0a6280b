"""One run of a task, from its claim to its record."""

import logging
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import Error, connection
from django.utils import timezone

from bedplate.django.cron_runs.alerts import alert, persist, ping
from bedplate.django.cron_runs.command import Command, Ending
from bedplate.django.cron_runs.crontab import Task
from bedplate.django.cron_runs.locks import keep_lock, take_lock
from bedplate.django.cron_runs.models import CronRun

logger = logging.getLogger(__name__)

# Seconds between tries to record an end in a database that is away; and between looks whether it is.
PATIENCE: Final = (1, 4, 15)
CHECK_INTERVAL: Final = 5.0
# How long ago a time may be that was not written down: supercronic is on time, a process takes a while to start.
TRIGGERED: Final = timedelta(minutes=1)

SIGNALLED: Final = 128  # and the signal's number: the exit code of a process that a signal ended

OVERLAP: Final = "The run before it has not ended."


@dataclass(frozen=True)
class Verdict:
    """What an ending means."""

    state: CronRun.State
    reason: str = ""


def record(task: Task) -> int:
    """Run the task if a run of it is due that nobody else has begun; return its exit code."""
    try:
        run = begin(task, now=timezone.now())
    except Error as error:
        alert(task.name, "It was not begun: the database does not answer.", details=str(error))
        return 1
    if run is None:
        return 0
    ping(task.name, "start")
    command = Command(task.command)
    signal.signal(signal.SIGTERM, lambda *_: command.stop())
    logger.info("Cron: %s begins", task.name)
    ending = command.wait(meanwhile=lambda: watch(task.name), every=CHECK_INTERVAL)
    finish(run, ending, judge(ending))
    return ending.exit_code


def begin(task: Task, *, now: datetime) -> CronRun | None:
    """Return the run that is due, begun and the task's lock taken; None if it is not for this process to run."""
    scheduled_for = due_time(task, now=now)
    claim = partial(CronRun.objects.claim, task.name, command=task.command, now=now)
    run = claim(scheduled_for=scheduled_for) if scheduled_for else None
    if run is None:
        logger.info("Cron: no run of %s is for this process", task.name)
        return None
    if not take_lock(task.name):
        CronRun.objects.end(run, now=now, state=CronRun.State.SKIPPED, reason=OVERLAP)
        logger.warning("Cron: %s skipped: %s", task.name, OVERLAP)
        return None
    return run


def due_time(task: Task, *, now: datetime) -> datetime | None:
    """Return for when the run that is due was scheduled; None if there is none."""
    if due := CronRun.objects.due(now).filter(task=task.name).first():
        return due.scheduled_for
    last = task.previous_time(now)
    return last if now - last < TRIGGERED else None


def watch(task: str) -> None:
    """Keep the task's lock through a restart of the database."""
    try:
        keep_lock(task)
    except Error as error:
        logger.warning("Cron: the database does not answer while %s runs: %s", task, error)


def judge(ending: Ending) -> Verdict:
    """Return what an ending means."""
    match ending.exit_code:
        case 0:
            return Verdict(CronRun.State.SUCCEEDED)
        case _ if ending.was_stopped:
            return Verdict(CronRun.State.FAILED, "Stopped: its container was told to end.")
        case 75:  # flock -E 75, in cron/tasks/TEMPLATE.sh
            return Verdict(CronRun.State.SKIPPED, OVERLAP)
        case 124:  # timeout
            return Verdict(CronRun.State.FAILED, "Over its time limit.")
        case code if code > SIGNALLED:
            return Verdict(CronRun.State.FAILED, f"Ended by signal {code - SIGNALLED}: over its time limit, or killed.")
        case code:
            return Verdict(CronRun.State.FAILED, f"Exited with {code}.")


def finish(run: CronRun, ending: Ending, verdict: Verdict) -> None:
    """Record how the run ended, and tell people if it failed."""
    logger.info("Cron: %s %s", run.task, verdict.state.value)
    if verdict.state == CronRun.State.SUCCEEDED:
        ping(run.task, "success", body=ending.output)
    if not persist(lambda: write_end(run, ending, verdict), patience=PATIENCE):
        alert(run.task, "Its end could not be recorded: the database does not answer.", details=ending.output)
    if verdict.state == CronRun.State.FAILED:
        alert(run.task, verdict.reason, details=ending.output)


def write_end(run: CronRun, ending: Ending, verdict: Verdict) -> None:
    """Record how the run ended; raise if the database does not answer."""
    if not connection.is_usable():
        connection.close()
    CronRun.objects.end(
        run,
        now=timezone.now(),
        state=verdict.state,
        reason=verdict.reason or run.reason,
        exit_code=ending.exit_code,
        output=ending.output,
    )
