"""The task that sends the mail in the outbox. Its message in the queue only means "look now": the rows decide."""

import logging
from datetime import datetime
from typing import Any, Final

from celery import shared_task
from django.db import Error
from kombu.exceptions import KombuError

from bedplate.django.outbox import delivery
from bedplate.django.outbox.models import LEASE, OutgoingMail

logger = logging.getLogger(__name__)

# The process is killed before the lease ends, after which another one may send the same mail.
KILLED_AFTER: Final = int(LEASE.total_seconds()) - 30
ENDED_AFTER: Final = KILLED_AFTER - 30
EXPIRES: Final = 600  # seconds; a busy queue does not fill with these messages


@shared_task(name="bedplate_outbox.tasks.deliver", soft_time_limit=ENDED_AFTER, time_limit=KILLED_AFTER)
def deliver() -> None:
    """Send the mail that is due."""
    try:
        if not delivery.deliver_due():
            enqueue()
    except Error as error:
        logger.warning("No mail was sent, the database is unavailable: %s", error)


def enqueue() -> None:
    """Queue the task. If the queue is unavailable, a worker finds the mail later."""
    try:
        deliver.apply_async(expires=EXPIRES)
    except (KombuError, OSError) as error:
        logger.warning("The task queue is unavailable (%s): mail waits for it", error)


def look(*, now: datetime, **_: Any) -> None:
    """Queue the task if there is mail to send or to erase. Every worker calls this every few seconds."""
    if OutgoingMail.objects.work(now=now).exists():
        enqueue()
