"""Leases: a run belongs to the worker that renews it. What is renewed by nobody, or lost by the queue, begins again.

A worker that is killed with its container, or its machine, says nothing, and Valkey holds its messages for longer than
any task may take. The rows know better: every worker looks at them every few seconds.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from kombu import Queue

from bedplate.django.operations.models import TaskRun

logger = logging.getLogger(__name__)  # its errors are mailed to the admins: see bedplate.django.logs

# A worker that says nothing for so long is gone. One that lost its broker says nothing until it has it back.
LEASE: Final = timedelta(seconds=90)
# After so long, a worker that does not know of a run of its own has been restarted since; or its process left no trace.
GRACE: Final = timedelta(seconds=15)
# A run that waited for so long, with nothing before it in its queue, is in no queue.
PATIENCE: Final = timedelta(seconds=60)
AT_ONCE: Final = 100  # runs in one look: the worker does nothing else meanwhile


def keep(*, worker: str, running: Collection[str], since: datetime, now: datetime) -> None:
    """Renew what this worker runs; begin anew what was lost. `since` it has been connected to its queue."""
    with transaction.atomic():
        # A row that is locked is somebody's who lives: not waited for.
        rows = TaskRun.objects.select_for_update(skip_locked=True).filter(state=TaskRun.State.RUNNING)
        mine = rows.filter(pk__in=running).values_list("pk", flat=True)
        TaskRun.objects.filter(pk__in=list(mine)).update(alive=now)
        gone = rows.filter(is_lost(worker=worker, since=since, now=now))[:AT_ONCE]
        lost = [run for run in [TaskRun.objects.lose(run.pk, now=now) for run in gone] if run]
    for run in lost:
        report_if_failed(run)
    send_again(now=now, only=[run.pk for run in lost])
    send_again(now=now)


def is_lost(*, worker: str, since: datetime, now: datetime) -> Q:
    """Return the condition that a running run is nobody's."""
    unknown_here = Q(worker=worker, alive__lt=now - GRACE)
    # Of an earlier release, whose workers renew nothing.
    ancient = Q(alive=None, started__lt=now - timedelta(seconds=2 * settings.CELERY_VISIBILITY_TIMEOUT))
    if now - since < LEASE:  # others may have lost their broker with us, and be on their way back
        return unknown_here | ancient
    return unknown_here | ancient | Q(alive__lt=now - LEASE)


def lose(pk: Any, *, now: datetime) -> TaskRun | None:
    """Record that the process of a run is gone; return the run if it was running. If that ended it, report it."""
    if run := TaskRun.objects.lose(pk, now=now):
        report_if_failed(run)
    return run


def report_if_failed(run: TaskRun) -> None:
    """Tell the log and the admins of a run that will not begin again."""
    if not run.unfinished:
        logger.error("Task %s, run %s: %s", run.name, run.pk, run.error)


def send_again(*, now: datetime, only: Collection[Any] | None = None) -> None:
    """Put runs that wait and are in no queue into theirs: these, or those that nothing has begun for too long."""
    waiting = TaskRun.objects.filter(state=TaskRun.State.QUEUED, name__in=current_app.tasks.keys()).exclude(
        arguments=""
    )
    waiting = waiting.filter(Q(due=None) | Q(due__lt=now - PATIENCE)) if only is None else waiting.filter(pk__in=only)
    queues = Queues()
    for run in waiting.order_by("due")[:AT_ONCE]:
        may_wait = only is None and run.due and now - run.due < timedelta(seconds=settings.CELERY_VISIBILITY_TIMEOUT)
        if may_wait and queues.length_for(run.name):
            continue
        # Of two workers that look, one sends.
        if TaskRun.objects.filter(pk=run.pk, state=TaskRun.State.QUEUED, due=run.due).update(due=now):
            run.due = now
            task: Any = current_app.tasks[run.name]  # a RecordedTask
            task.send(run)


class Queues:
    """How long the queues were when this was first asked."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}

    def length_for(self, task: str) -> int:
        """Return how many messages wait in the queue that the task goes to."""
        queue = current_app.amqp.router.route({}, task)["queue"]
        if queue.name not in self._lengths:
            self._lengths[queue.name] = length_of(queue)
        return self._lengths[queue.name]


def length_of(queue: Queue) -> int:
    """Return how many messages wait in the queue."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0)
        declared: Any = queue.bind(broker.default_channel).queue_declare()
        return int(declared.message_count)
