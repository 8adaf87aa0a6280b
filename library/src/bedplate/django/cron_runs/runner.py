"""One run of a task: claims it, runs its command, and records the result."""

import logging
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import Error, connection
from django.utils import timezone

from bedplate.django.cron_runs.alerts import alert, ping, retry
from bedplate.django.cron_runs.command import CommandResult, RunningCommand
from bedplate.django.cron_runs.crontab import Task
from bedplate.django.cron_runs.locks import renew_lock, take_lock
from bedplate.django.cron_runs.models import CronRun

logger = logging.getLogger(__name__)

# Seconds between attempts to record a result while the database is unavailable.
RETRY_DELAYS: Final = (1, 4, 15)
# Seconds between checks that the task's lock is still held.
CHECK_INTERVAL: Final = 5.0
# A run that the supervisor has not scheduled counts as due for this long: supercronic is on time, a process takes a
# while to start.
UNSCHEDULED_DUE: Final = timedelta(minutes=1)

SIGNAL_BASE: Final = 128  # plus the signal's number: the exit code of a process that a signal ended

OVERLAP: Final = "The run before it has not ended."


@dataclass(frozen=True)
class Outcome:
    """The state and the reason that are recorded."""

    state: CronRun.State
    reason: str = ""


def run_task(task: Task) -> int:
    """Run the task if a run of it is due and no other process has claimed it. Return the exit code."""
    try:
        run = begin(task, now=timezone.now())
    except Error as error:
        alert(task.name, "It did not start: the database does not answer.", details=str(error))
        return 1
    if run is None:
        return 0
    ping(task.name, "start")
    command = RunningCommand(task.command, time_limit=task.time_limit)
    signal.signal(signal.SIGTERM, lambda *_: command.stop())
    logger.info("Cron: %s starts", task.name)
    result = command.wait(meanwhile=lambda: renew(task.name), every=CHECK_INTERVAL)
    finish(run, result, classify(result))
    return result.exit_code


def begin(task: Task, *, now: datetime) -> CronRun | None:
    """Claim the run that is due, and take the task's lock. Return None if this process must not run it."""
    scheduled_for = due_time(task, now=now)
    claim = partial(CronRun.objects.claim, task.name, command=task.entry, now=now)
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
    """Return the scheduled time of the run that is due; None if no run is due."""
    if due := CronRun.objects.due(now).filter(task=task.name).first():
        return due.scheduled_for
    last = task.previous_time(now)
    return last if now - last < UNSCHEDULED_DUE else None


def renew(task: str) -> None:
    """Take the task's lock again after a restart of the database. Log a warning if the database does not answer."""
    try:
        renew_lock(task)
    except Error as error:
        logger.warning("Cron: the database does not answer while %s runs: %s", task, error)


def classify(result: CommandResult) -> Outcome:
    """Return what is recorded about a result."""
    match result.exit_code:
        case 0:
            return Outcome(CronRun.State.SUCCEEDED)
        case _ if result.was_stopped:
            return Outcome(CronRun.State.FAILED, "Stopped: its container was stopped.")
        case 75:  # flock -E 75, in cron/tasks/TEMPLATE.sh
            return Outcome(CronRun.State.SKIPPED, OVERLAP)
        case 124:  # timeout
            return Outcome(CronRun.State.FAILED, "Over its time limit.")
        case code if code > SIGNAL_BASE:
            reason = f"Ended by signal {code - SIGNAL_BASE}: over its time limit, or killed."
            return Outcome(CronRun.State.FAILED, reason)
        case code:
            return Outcome(CronRun.State.FAILED, f"Exited with {code}.")


def finish(run: CronRun, result: CommandResult, outcome: Outcome) -> None:
    """Record the result of the run, and alert if it failed."""
    logger.info("Cron: %s %s", run.task, outcome.state.value)
    if outcome.state == CronRun.State.SUCCEEDED:
        ping(run.task, "success", body=result.output)
    if not retry(lambda: write_result(run, result, outcome), delays=RETRY_DELAYS):
        alert(run.task, "Its end could not be recorded: the database does not answer.", details=result.output)
    if outcome.state == CronRun.State.FAILED:
        alert(run.task, outcome.reason, details=result.output)


def write_result(run: CronRun, result: CommandResult, outcome: Outcome) -> None:
    """Write the result to the database. Raise Error if the database does not answer."""
    if not connection.is_usable():
        connection.close()
    CronRun.objects.end(
        run,
        now=timezone.now(),
        state=outcome.state,
        reason=outcome.reason or run.reason,
        exit_code=result.exit_code,
        output=result.output,
    )
