"""Mail to the administrators about errors."""

import atexit
import logging
import os
import queue
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, Final, override

from django.utils.log import AdminEmailHandler

from bedplate.django.outbox.mailers import transport_alias
from bedplate.django.redaction import hide_tokens

logger = logging.getLogger(__name__)

QUEUE_SIZE: Final = 20  # mails; while the mail server is slow, further ones are only logged
EXIT_LIMIT_SECONDS: Final = 10.0  # for queued mails when the process exits


class ErrorMailHandler(AdminEmailHandler):
    """Mails errors. A thread sends the errors of pages, so that the visitor does not wait for the mail server.

    It does not use the outbox: the database may be what is wrong. A failure is logged.
    """

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._is_page = hasattr(record, "request")
        self.using = transport_alias()
        attempt(partial(super().emit, record))

    @override
    def send_mail(self, subject: Any, message: Any, *args: Any, **options: Any) -> None:
        if html := options.get("html_message"):
            options["html_message"] = hide_tokens(html)
        subject, message = hide_tokens(str(subject)), hide_tokens(str(message))
        send = partial(attempt, partial(super().send_mail, subject, message, *args, **options))
        if self._is_page:
            sender().add(send)
        else:  # in a worker process: nothing waits for it, and it may exit soon
            send()


def attempt(send: Callable[[], object]) -> None:
    """Send a mail. Log a failure as a warning, which is not mailed."""
    try:
        send()
    except Exception as error:  # an error of the mail server must not break the page
        logger.warning("The mail about an error was not sent: %s", error)


class Sender:
    """A thread that sends mails one after the other."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._mails: queue.Queue[Callable[[], None] | None] = queue.Queue(QUEUE_SIZE)
        self._thread = Thread(target=self._run, name="error-mail", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def add(self, send: Callable[[], None]) -> None:
        """Queue a mail, unless the queue is full."""
        try:
            self._mails.put_nowait(send)
        except queue.Full:
            logger.warning("The mail about an error was not sent: %d others wait", QUEUE_SIZE)

    def stop(self) -> None:
        """Wait for the queued mails, for a limited time."""
        if os.getpid() == self.process:
            attempt(partial(self._mails.put, None, timeout=EXIT_LIMIT_SECONDS))
            self._thread.join(EXIT_LIMIT_SECONDS)

    def _run(self) -> None:
        while send := self._mails.get():
            send()


_senders: list[Sender] = []


def sender() -> Sender:
    """Return this process's sender. A forked process does not have its parent's threads."""
    if not _senders or _senders[-1].process != os.getpid():
        _senders.append(Sender())
    return _senders[-1]
