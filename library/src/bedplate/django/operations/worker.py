"""The worker process: how it shows that it lives, how it cares for what it runs, and how it stops."""

import logging
import signal
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

from celery import bootsteps, signals
from celery.worker.consumer import Consumer
from celery.worker.state import active_requests, reserved_requests
from click import Option
from django.db import Error, connections
from django.utils import timezone
from kombu.exceptions import KombuError

logger = logging.getLogger(__name__)

HEARTBEAT_INTERVAL: Final = 10

HEARTBEAT_FILE_OPTION: Final = Option(
    ["--heartbeat-file"],
    help=f"File to touch every {HEARTBEAT_INTERVAL} seconds while the worker is connected and turns.",
)


class Heartbeat(bootsteps.StartStopStep):
    """Touches a file from the event loop, for as long as the broker is connected.

    A file older than a minute therefore means a worker that hangs, or has long lost its broker:
    health for the price of reading a file, where `celery inspect ping` starts an interpreter and connects.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Consumer, heartbeat_file: str | None = None, **options: Any) -> None:
        super().__init__(parent, **options)
        self.file = heartbeat_file or ""
        self.enabled = bool(self.file)
        self.timer: Any = None

    def start(self, parent: Consumer) -> None:
        """Begin to touch the file: the consumer is connected."""
        touch = Path(self.file).touch
        touch()
        self.timer = parent.timer.call_repeatedly(HEARTBEAT_INTERVAL, touch)

    def stop(self, parent: Consumer) -> None:  # noqa: ARG002 - Celery's signature
        """Stop touching it: the connection is lost, or the worker stops."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


class Leases(bootsteps.StartStopStep):
    """Renews the leases of what the worker runs, and looks after what was lost: see the module `leases`.

    In the event loop, as all that the main process does: a thread might hold a lock while another process is forked.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Consumer, **options: Any) -> None:
        super().__init__(parent, **options)
        self.timer: Any = None

    def start(self, parent: Consumer) -> None:
        """Begin to look: the consumer is connected."""
        arguments = (str(parent.hostname), timezone.now())
        self.keep(*arguments)
        self.timer = parent.timer.call_repeatedly(HEARTBEAT_INTERVAL, self.keep, arguments)

    def stop(self, parent: Consumer) -> None:  # noqa: ARG002 - Celery's signature
        """Stop looking: the connection is lost, or the worker stops."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def keep(self, worker: str, since: datetime) -> None:
        """Look once. What cannot be done now is done the next time."""
        from bedplate.django.operations import heartbeat, leases, recorded  # noqa: PLC0415 - models load after this module

        requests = {*reserved_requests, *active_requests}
        running = {str(request.id) for request in requests if isinstance(request, recorded.RecordedRequest)}
        try:
            leases.keep(worker=worker, running=running, since=since, now=timezone.now())
            heartbeat.beat("worker")
        except (Error, KombuError, OSError) as error:
            logger.warning("The leases of tasks were not renewed: %s", error)
        finally:
            connections.close_all()  # leave none to forks


@signals.worker_ready.connect
def stop_softly(**_: Any) -> None:
    """Let SIGTERM and Ctrl-C do what SIGQUIT does: give tasks a moment, then put them back into the queue.

    Celery's own answer to both is to wait until every task has ended, which may take an hour. Whoever stops
    the worker kills it long before; its tasks then run again only after the visibility timeout.
    """
    softly: Any = signal.getsignal(signal.SIGQUIT)

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked once is asked
        softly(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
