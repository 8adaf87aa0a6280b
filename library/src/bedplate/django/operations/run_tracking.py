"""Tasks whose runs are recorded: the user who started them, the progress, the result."""

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

from bedplate.django.operations.leases import mark_lost
from bedplate.django.operations.models import TaskRun
from bedplate.django.redaction import hide_tokens

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)

# Seconds between attempts to write to a database that is unavailable, or not migrated yet. A restart takes less.
RETRY_DELAYS: Final[Sequence[float]] = (1, 4, 15)
MESSAGE_INTERVAL: Final = 1.0
ERROR_LENGTH: Final = 2000
TRACEBACK_LENGTH: Final = 20_000


class TaskError(Exception):
    """A failure that a task explains to its user: the page shows the message as it is, without a traceback."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a run at a time (seconds of a monotonic clock)."""

    percent: int
    message: str
    at: float

    def should_be_written(self, *, after: "Progress | None") -> bool:
        """Return whether to write this after the last one: for a new percentage, or once a second."""
        if after is None or self.percent != after.percent:
            return True
        return self.message != after.message and self.at - after.at >= MESSAGE_INTERVAL


class TrackedRequest(Request):
    """A run in the worker's main process, which survives the process of the task."""

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """Cancel the run because the worker stops, or has lost its broker. The run is queued again."""
        super().cancel(pool, signal, emit_retry)
        self._write_once(partial(TaskRun.objects.requeue, self.id, attempts=-1))

    def reject(self, requeue: bool = False) -> None:
        """Requeue the run if its process was killed, or the database was unavailable. End it if the task rejected it.

        Update the row first: the next worker that gets the message reads it.
        """
        if requeue:
            run = self._write_once(partial(mark_lost, self.id, now=timezone.now()))
            requeue = run is None or run.unfinished
        else:
            self._write_once(partial(TaskRun.objects.fail, self.id, gettext("Rejected."), now=timezone.now()))
        super().reject(requeue=requeue)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """End a run that is over its time limit: Celery calls `TrackedTask.on_failure` in this process."""
        super().on_timeout(soft, timeout)
        connections.close_all()

    def _write_once[Result](self, write: Callable[[], Result]) -> Result | None:
        # This blocks the worker, so it tries once. Forked processes must not inherit the connection.
        result = write_state(write, delays=())
        connections.close_all()
        return result


class TrackedTask(DjangoTask[Any, Any]):
    """A task with a TaskRun for each run: `@shared_task(bind=True, base=TrackedTask)`.

    `start()` queues a run, `self.progress()` in the task records its progress. A run whose process is killed starts
    again, up to three times in total; never while it runs, and never once it has finished. With `delay()`, the TaskRun
    is created when the run starts.

    `@shared_task(bind=True, base=TrackedTask, atomic=True)`: the task's writes to the database and its success are one
    transaction. So they happen once, however often the run starts; its progress is visible only at the end.

    `@shared_task(bind=True, base=TrackedTask, title=gettext_lazy("Confirm orders"))`: its title on every page.
    """

    Request = "bedplate.django.operations.run_tracking:TrackedRequest"
    atomic = False
    title: "StrOrPromise" = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task. If it is atomic and another worker has finished the run meanwhile, roll back."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        if not self.atomic:
            return self.run(*args, **kwargs)
        with transaction.atomic():
            result = self.run(*args, **kwargs)
            if not TaskRun.objects.succeed(str(self.request.id), now=timezone.now()):
                logger.warning("Rolled back: the run has finished already")
                raise Ignore
        return result

    def start(
        self, *args: Any, requested_by: "AbstractBaseUser | AnonymousUser | None" = None, **kwargs: Any
    ) -> TaskRun:
        """Return a new run. It is queued once the current transaction commits, or once the queue is available.

        Raise TooManyTasksError if the user has the maximum of running and waiting tasks: `TaskLimitMiddleware` answers.
        """
        fields: Any = {"name": self.name, "arguments": json.dumps((args, kwargs)), "due": timezone.now()}
        if requested_by and requested_by.is_authenticated:
            run = TaskRun.objects.create_for(requested_by, **fields)
        else:  # visible to staff only
            run = TaskRun.objects.create(**fields)
        transaction.on_commit(partial(self.send, run))
        return run

    def send(self, run: TaskRun, **options: Any) -> None:
        """Send the run's message to the queue. If the queue is unavailable, the run's due time is unknown.

        `options` are those of `apply_async`, such as its priority.
        """
        args, kwargs = json.loads(run.arguments)
        options |= {"task_id": str(run.pk), "retries": run.retries}
        try:
            self.apply_async(tuple(args), kwargs, **options)
        except (KombuError, OSError) as error:
            logger.warning("The task queue is unavailable (%s): %s waits for it", error, self.name)
            TaskRun.objects.filter(pk=run.pk, state=TaskRun.State.QUEUED).update(due=None)
            run.due = None
        except TypeError as error:  # wrong arguments, perhaps of an earlier release's task
            logger.exception("A task cannot be sent")
            TaskRun.objects.fail(run.pk, describe(error), now=timezone.now())

    def progress(self, percent: float, message: str = "") -> None:
        """Record the progress (0 to 100) and a message. Usable in loops: see `Progress.should_be_written`."""
        current = Progress(percent=min(100, max(0, int(percent))), message=message[:255], at=time.monotonic())
        previous = self.request.get("progress")
        if self.atomic or self.request.id is None or not current.should_be_written(after=previous):
            return
        self.request.update(progress=current)
        write_state(partial(TaskRun.objects.report, self.request.id, current.percent, current.message), delays=())

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Mark the run as running. Raise Ignore if it runs elsewhere, or has finished."""
        run = TaskRun(
            pk=task_id,
            name=self.name,
            arguments=json.dumps((args, kwargs)),
            retries=self.request.retries,
            worker=str(self.request.hostname),
        )
        began = write_state(partial(TaskRun.objects.begin, run, now=timezone.now()))
        if began is None:
            raise Reject("The database is unavailable; the run is queued again.", requeue=True)
        if not began:
            logger.warning("Run not started: it runs elsewhere, or has finished already")
            raise Ignore

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """Record that the run succeeded."""
        write_state(partial(TaskRun.objects.succeed, task_id, now=timezone.now()))

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        """Record that the run failed, with the error; with a traceback for staff if it was unexpected."""
        traceback = "" if explains_itself(exc) else printable(str(einfo.traceback))[-TRACEBACK_LENGTH:]
        end = partial(TaskRun.objects.fail, task_id, describe(exc), now=timezone.now(), traceback=traceback)
        write_state(end)

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:  # noqa: ARG002
        """Record that the run waits for its next retry."""
        when = exc.when if isinstance(exc, Retry) else None
        due = when if isinstance(when, datetime) else timezone.now() + timedelta(seconds=float(when or 0))
        write_state(partial(TaskRun.objects.schedule_retry, task_id, retries=self.request.retries, due=due))


@signals.task_revoked.connect
def on_revoked(sender: Any, request: Any, **_: Any) -> None:
    """Record that a run was canceled, for example in Flower."""
    if isinstance(sender, TrackedTask):
        write_state(partial(TaskRun.objects.fail, request.id, gettext("Cancelled."), now=timezone.now()), delays=())
        connections.close_all()


def describe(error: Exception) -> str:
    """Return the error in one or two lines. Users see it if it explains itself, staff see it always."""
    if isinstance(error, SoftTimeLimitExceeded | TimeLimitExceeded):
        return gettext("Stopped: it ran longer than its time limit.")
    text = str(error) if isinstance(error, TaskError) else f"{type(error).__name__}: {error}"
    return printable(text)[:ERROR_LENGTH]


def explains_itself(error: Exception) -> bool:
    """Return whether the description of the error is for users, and needs no traceback."""
    return isinstance(error, TaskError | SoftTimeLimitExceeded | TimeLimitExceeded)


def printable(text: str) -> str:
    """Return the text without NUL, which PostgreSQL does not accept, and without the tokens of links."""
    return hide_tokens(text.replace("\0", ""))


def write_state[Result](write: Callable[[], Result], *, delays: Sequence[float] | None = None) -> Result | None:
    """Return the result of `write`; retry (`RETRY_DELAYS`) on database errors. Log the last error, and return None."""
    for delay in RETRY_DELAYS if delays is None else delays:
        try:
            return write()
        except Error:
            connections.close_all()
            time.sleep(delay)
    try:
        return write()
    except Error:
        logger.exception("The state of a task's run could not be written")
        return None


RecordedRequest = TrackedRequest  # former name, until 1.3
RecordedTask = TrackedTask  # former name, until 1.3
