"""The worker process: its heartbeat, the leases of its runs, and its shutdown."""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any, Final

import celery
from celery import bootsteps, signals
from celery.worker.consumer import Consumer
from celery.worker.state import active_requests, reserved_requests
from click import Option
from django.db import Error, connections
from django.dispatch import Signal
from django.utils import timezone
from kombu.exceptions import KombuError

logger = logging.getLogger(__name__)

HEARTBEAT_INTERVAL: Final = 5

beat = Signal()
"""Sent by each worker every HEARTBEAT_INTERVAL seconds, with the time `now`. Receivers must be fast."""

HEARTBEAT_FILE_OPTION: Final = Option(
    ["--heartbeat-file"],
    help=f"File to touch every {HEARTBEAT_INTERVAL} seconds while the worker is connected and responsive.",
)


class Heartbeat(bootsteps.StartStopStep):
    """Touches a file from the event loop while the broker is connected.

    A file older than a minute means a worker that hangs, or has lost its broker for long. Reading a file is cheap;
    `celery inspect ping` starts an interpreter and connects.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Consumer, heartbeat_file: str | None = None, **options: Any) -> None:
        super().__init__(parent, **options)
        self.file = heartbeat_file or ""
        self.enabled = bool(self.file)
        self.timer: Any = None

    def start(self, parent: Consumer) -> None:
        """Start to touch the file: the consumer is connected."""
        touch = Path(self.file).touch
        touch()
        self.timer = parent.timer.call_repeatedly(HEARTBEAT_INTERVAL, touch)

    def stop(self, parent: Consumer) -> None:  # noqa: ARG002 - Celery's signature
        """Stop touching the file: the connection is lost, or the worker stops."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


class Leases(bootsteps.StartStopStep):
    """Renews the leases of the worker's runs, and restarts lost runs: see the module `leases`.

    It runs in the event loop, like all of the main process: a thread might hold a lock during a fork.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Consumer, **options: Any) -> None:
        super().__init__(parent, **options)
        self.timer: Any = None
        self.since: Any = None  # the time when this worker connected to broker and database

    def start(self, parent: Consumer) -> None:
        """Start to renew: the consumer is connected."""
        self.since = None
        self.renew(str(parent.hostname))
        self.timer = parent.timer.call_repeatedly(HEARTBEAT_INTERVAL, self.renew, (str(parent.hostname),))

    def stop(self, parent: Consumer) -> None:  # noqa: ARG002 - Celery's signature
        """Stop renewing: the connection is lost, or the worker stops."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def renew(self, worker: str) -> None:
        """Renew once. After an error, the next call tries again."""
        from bedplate.django.operations import heartbeat, leases, run_tracking  # noqa: PLC0415 - models load after this module

        requests = {*reserved_requests, *active_requests}
        running = {str(request.id) for request in requests if isinstance(request, run_tracking.TrackedRequest)}
        try:
            now = leases.database_time()
            self.since = self.since or now
            leases.renew(worker=worker, running=running, since=self.since, now=now)
            heartbeat.beat("worker", version=f"Celery {celery.__version__}")
            beat.send(Leases, now=timezone.now())
        except (Error, KombuError, OSError) as error:
            self.since = None
            logger.warning("The leases of tasks were not renewed, or mail was not looked for: %s", error)
        finally:
            connections.close_all()  # leave none to forks


@signals.worker_ready.connect
def use_soft_shutdown(**_: Any) -> None:
    """Make SIGTERM and Ctrl-C act like SIGQUIT: wait for tasks for a moment, then requeue them.

    By default, Celery waits until every task has ended, which may take an hour. Docker kills the worker long before,
    and its tasks then run again only after the visibility timeout.
    """
    soft_shutdown: Any = signal.getsignal(signal.SIGQUIT)

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # ignore further signals
        soft_shutdown(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
