"""Tasks whose runs are recorded: who asked for them, how far they are, how they ended."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from celery import signals
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request
from django.db import Error, connections, transaction
from django.utils import timezone
from django.utils.translation import gettext
from kombu.exceptions import KombuError
from kombu.utils import json

from bedplate.django.operations.leases import lose
from bedplate.django.operations.models import TaskRun

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

logger = logging.getLogger(__name__)

# Seconds between tries to write to a database that is away, or not migrated yet: a restart takes less than all.
PATIENCE: Final[Sequence[float]] = (1, 4, 15)
MESSAGE_INTERVAL: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run was at a moment (in seconds, of a clock that only runs forward)."""

    percent: int
    message: str
    at: float

    def worth_writing(self, *, after: "Progress | None") -> bool:
        """Return whether to write this after what was written last: 100 times a run, or once a second."""
        if after is None or self.percent != after.percent:
            return True
        return self.message != after.message and self.at - after.at >= MESSAGE_INTERVAL


class RecordedRequest(Request):
    """A run as the worker's main process sees it, which outlives the process that runs the task."""

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """End the run because the worker stops, or lost its broker. It waits in the queue again."""
        super().cancel(pool, signal, emit_retry)
        self._record(partial(TaskRun.objects.put_back, self.id, attempts=-1))

    def reject(self, requeue: bool = False) -> None:
        """Hand the run back: its process was killed, or the database was away. Or let it go: it rejected itself.

        The row first: whoever gets the message next goes by that.
        """
        if requeue:
            run = self._record(partial(lose, self.id, now=timezone.now()))
            requeue = run is None or run.unfinished
        else:
            self._record(partial(TaskRun.objects.fail, self.id, gettext("Rejected."), now=timezone.now()))
        super().reject(requeue=requeue)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """End a run that is over its time limit; `RecordedTask.on_failure` hears of it, in this process."""
        super().on_timeout(soft, timeout)
        connections.close_all()

    def _record[Result](self, write: Callable[[], Result]) -> Result | None:
        # Everything else waits while this process does: so it tries once, and leaves no connection to its forks.
        result = record(write, patience=())
        connections.close_all()
        return result


class RecordedTask(DjangoTask[Any, Any]):
    """A task each run of which has a TaskRun: `@shared_task(bind=True, base=RecordedTask)`.

    `start()` queues a run, `self.progress()` inside the task tells how far it is. A run whose process is killed begins
    again, three times in all; never while it runs, and never once it has ended. Started by `delay()`, it gets its
    TaskRun when it begins.

    `@shared_task(bind=True, base=RecordedTask, atomic=True)`: what it writes to the database, and that it succeeded, is
    one transaction. So that happens once, however often it is begun; and its progress shows at the end only.
    """

    Request = "bedplate.django.operations.recorded:RecordedRequest"
    atomic = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the task returns; if it is atomic, unless another has done it meanwhile."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        if not self.atomic:
            return self.run(*args, **kwargs)
        with transaction.atomic():
            result = self.run(*args, **kwargs)
            if not TaskRun.objects.succeed(str(self.request.id), now=timezone.now()):
                logger.warning("Rolled back: the run has ended already")
                raise Ignore
        return result

    def start(
        self, *args: Any, requested_by: "AbstractBaseUser | AnonymousUser | None" = None, **kwargs: Any
    ) -> TaskRun:
        """Return a new run, queued once the current transaction commits, or when the queue is back."""
        arguments = json.dumps((args, kwargs))
        # Of the project's own model; a stranger's run is for staff alone.
        who: Any = requested_by if requested_by and requested_by.is_authenticated else None
        run = TaskRun.objects.create(name=self.name, requested_by=who, arguments=arguments, due=timezone.now())
        transaction.on_commit(partial(self.send, run))
        return run

    def send(self, run: TaskRun) -> None:
        """Put the run's message into the queue. If that is out of reach, the run is due at an unknown time."""
        args, kwargs = json.loads(run.arguments)
        options: dict[str, Any] = {"task_id": str(run.pk), "retries": run.retries}
        try:
            self.apply_async(tuple(args), kwargs, **options)
        except (KombuError, OSError) as error:
            logger.warning("The task queue is out of reach (%s): %s waits for it", error, self.name)
            TaskRun.objects.filter(pk=run.pk, state=TaskRun.State.QUEUED).update(due=None)
            run.due = None
        except TypeError as error:  # the arguments do not fit: of an earlier release's task, perhaps
            logger.exception("A task cannot be sent")
            TaskRun.objects.fail(run.pk, describe(error), now=timezone.now())

    def progress(self, percent: float, message: str = "") -> None:
        """Record how far this run is, 0 to 100, and what it does. Made for loops: writes only what people can see."""
        current = Progress(percent=min(100, max(0, int(percent))), message=message[:255], at=time.monotonic())
        previous = self.request.get("progress")
        if self.atomic or self.request.id is None or not current.worth_writing(after=previous):
            return
        self.request.update(progress=current)
        record(partial(TaskRun.objects.report, self.request.id, current.percent, current.message), patience=())

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Record that the run begins; leave it alone if it runs elsewhere, or has ended."""
        run = TaskRun(
            pk=task_id,
            name=self.name,
            arguments=json.dumps((args, kwargs)),
            retries=self.request.retries,
            worker=str(self.request.hostname),
        )
        began = record(partial(TaskRun.objects.begin, run, now=timezone.now()))
        if began is None:
            raise Reject("The database is away; the run goes back into the queue.", requeue=True)
        if not began:
            logger.warning("Run not begun: it runs elsewhere, or has ended already")
            raise Ignore

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """Record that the run succeeded."""
        record(partial(TaskRun.objects.succeed, task_id, now=timezone.now()))

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        """Record that the run failed, and why."""
        record(partial(TaskRun.objects.fail, task_id, describe(exc), now=timezone.now()))

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        """Record that the run waits for its next try."""
        when = exc.when if isinstance(exc, Retry) else None
        due = when if isinstance(when, datetime) else timezone.now() + timedelta(seconds=float(when or 0))
        record(partial(TaskRun.objects.put_off, task_id, retries=self.request.retries, due=due))


@signals.task_revoked.connect
def on_revoked(sender: Any, request: Any, **_: Any) -> None:
    """Record that somebody cancelled a run, in Flower for instance."""
    if isinstance(sender, RecordedTask):
        record(partial(TaskRun.objects.fail, request.id, gettext("Cancelled."), now=timezone.now()), patience=())
        connections.close_all()


def describe(error: Exception) -> str:
    """Return the error in a line or two, for the people who started the run. The log has the traceback."""
    if isinstance(error, SoftTimeLimitExceeded | TimeLimitExceeded):
        return gettext("Stopped: it ran longer than its time limit.")
    return f"{type(error).__name__}: {error}".replace("\0", "")[:2000]  # PostgreSQL takes no NUL


def record[Result](write: Callable[[], Result], *, patience: Sequence[float] | None = None) -> Result | None:
    """Return what `write` returns; try again (`PATIENCE`) while the database is away. None, and a line, if it fails."""
    for pause in PATIENCE if patience is None else patience:
        try:
            return write()
        except Error:
            connections.close_all()
            time.sleep(pause)
    try:
        return write()
    except Error:
        logger.exception("The state of a task's run could not be written")
        return None
