"""Leases: a run belongs to the worker that renews its lease. Runs without a lease, or lost by the queue, start again.

A worker that is killed with its container, or its machine, reports nothing, and Valkey redelivers its messages only
after longer than any task may take. So every worker checks the rows every few seconds.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from kombu import Queue

from bedplate.django.operations.models import TaskRun

logger = logging.getLogger(__name__)  # its errors are mailed to the admins: see bedplate.django.logs

# A worker that does not renew for this long is dead, with its machine. Workers renew every five seconds.
LEASE_DURATION: Final = timedelta(seconds=20)
# A worker without its broker, or its database, does not renew until it reconnects, which others may do earlier.
RECONNECTION_PERIOD: Final = timedelta(seconds=90)
# A run that its own worker has not known for this long is lost: the worker was restarted, or the process disappeared.
RESTART_GRACE_PERIOD: Final = timedelta(seconds=15)
# A run that has waited for this long with an empty queue is not in the queue.
RESEND_AFTER: Final = timedelta(seconds=60)
BATCH_SIZE: Final = 100  # runs in one check, which blocks the worker
FIRST: Final = 0  # the priority of messages that Valkey delivers before all others: CELERY_TASK_DEFAULT_PRIORITY


def renew(*, worker: str, running: Collection[str], since: datetime, now: datetime) -> None:
    """Renew the leases of this worker's runs; restart lost runs. It is connected to queue and database `since` then."""
    with transaction.atomic():
        # Another worker holds a locked row; skip it.
        rows = TaskRun.objects.select_for_update(skip_locked=True).filter(state=TaskRun.State.RUNNING)
        mine = rows.filter(pk__in=running).values_list("pk", flat=True)
        TaskRun.objects.filter(pk__in=list(mine)).update(alive=now)
        expired = rows.filter(is_lost(worker=worker, since=since, now=now))[:BATCH_SIZE]
        lost = [run for run in [TaskRun.objects.mark_lost(run.pk, now=now) for run in expired] if run]
    for run in lost:
        report_if_failed(run)
    resend(now=now, only=[run.pk for run in lost])
    resend(now=now)


def database_time() -> datetime:
    """Return the time by the database's clock, which is the same for workers on all machines."""
    if connection.vendor == "sqlite":  # on one machine
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


def is_lost(*, worker: str, since: datetime, now: datetime) -> Q:
    """Return the condition for running runs without a worker."""
    unknown_here = Q(worker=worker, alive__lt=now - RESTART_GRACE_PERIOD)
    # Runs of an earlier release, whose workers do not renew.
    ancient = Q(alive=None, started__lt=now - timedelta(seconds=2 * settings.CELERY_VISIBILITY_TIMEOUT))
    if now - since < RECONNECTION_PERIOD:  # other workers may be reconnecting, too
        return unknown_here | ancient
    return unknown_here | ancient | Q(alive__lt=now - LEASE_DURATION)


def mark_lost(pk: Any, *, now: datetime) -> TaskRun | None:
    """Mark a running run as lost, and return it; None if it was not running. Report it if it will not restart."""
    if run := TaskRun.objects.mark_lost(pk, now=now):
        report_if_failed(run)
    return run


def report_if_failed(run: TaskRun) -> None:
    """Log an error, which is mailed to the admins, if the run will not restart."""
    if not run.unfinished:
        logger.error("Task %s, run %s: %s", run.name, run.pk, run.error)


def resend(*, now: datetime, only: Collection[Any] | None = None) -> None:
    """Send the messages of waiting runs again: of the runs `only`, or of all that have waited for too long."""
    waiting = TaskRun.objects.filter(state=TaskRun.State.QUEUED, name__in=current_app.tasks.keys()).exclude(
        arguments=""
    )
    waiting = waiting.filter(Q(due=None) | Q(due__lt=now - RESEND_AFTER) if only is None else Q(pk__in=only))
    queues = Queues()
    for run in waiting.order_by("due")[:BATCH_SIZE]:
        may_wait = only is None and run.due and now - run.due < timedelta(seconds=settings.CELERY_VISIBILITY_TIMEOUT)
        if may_wait and queues.length_for(run.name):
            continue
        # Only one of several workers sends the message.
        if TaskRun.objects.filter(pk=run.pk, state=TaskRun.State.QUEUED, due=run.due).update(due=now):
            run.due = now
            task: Any = current_app.tasks[run.name]  # a TrackedTask
            task.send(run, **({} if only is None else {"priority": FIRST}))  # a lost run has waited already


class Queues:
    """The lengths of the queues, cached."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}

    def length_for(self, task: str) -> int:
        """Return the number of messages in the queue of the task."""
        queue = current_app.amqp.router.route({}, task)["queue"]
        if queue.name not in self._lengths:
            self._lengths[queue.name] = length_of(queue)
        return self._lengths[queue.name]


def length_of(queue: Queue) -> int:
    """Return the number of messages in the queue."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0)
        declared: Any = queue.bind(broker.default_channel).queue_declare()
        return int(declared.message_count)
