"""Alerts: mail to the admins, and pings to a monitoring service, which also notices when pings stop."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Literal
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.mail import mail_admins

from bedplate.django.outbox.mailers import transport_alias

logger = logging.getLogger(__name__)

# Seconds between attempts to send a mail.
RETRY_DELAYS: Final = (1, 5)
PING_TIMEOUT: Final = 5.0  # seconds

type Event = Literal["start", "success", "fail"]


def alert(task: str, what: str, *, details: str = "") -> None:
    """Report a problem of a task to the log, the admins and the ping service. Never raise."""
    logger.error("Cron: %s: %s", task, what)
    ping(task, "fail", body=f"{what}\n\n{details}")
    subject = f"Cron: {task}: {what}"
    # Not through the outbox: the database or the worker may be what is wrong.
    send = partial(mail_admins, subject, message(task, what, details), using=transport_alias())
    if not retry(send):
        logger.critical("Cron: no mail could be sent about %s: %s", task, what)


def message(task: str, what: str, details: str) -> str:
    """Return the text of the mail."""
    environment = settings.ENVIRONMENT
    return "\n".join(
        [
            f"The task {task} of {environment.project_name} ({environment.environment}) needs attention.",
            "",
            what,
            "",
            details or "It printed nothing.",
            "",
            "All its runs: Administration, Cron, cron runs. What to do: library/docs/how-to/add-a-cron-task.md",
        ]
    )


def retry(action: Callable[[], object], *, delays: tuple[float, ...] | None = None) -> bool:
    """Call `action` until it succeeds, with these delays in seconds between attempts (default: `RETRY_DELAYS`).

    Return False if the last attempt fails too. Each failure is logged.
    """
    for delay in (*(RETRY_DELAYS if delays is None else delays), None):
        try:
            action()
        except Exception:
            logger.exception("Cron: an attempt failed")
        else:
            return True
        if delay is not None:
            time.sleep(delay)
    return False


def ping(task: str, event: Event, *, body: str = "") -> None:
    """Send an event of a task to the ping service, if one is configured. Never raise."""
    if not settings.ENVIRONMENT.cron_ping_url:
        return
    address = ping_address(settings.ENVIRONMENT.cron_ping_url, task, event)
    try:
        urlopen(Request(address, data=body.encode()), timeout=PING_TIMEOUT).close()  # noqa: S310 - http(s): see Environment
    except OSError as error:
        logger.warning("Cron: the ping %s failed: %s", address, error)


def ping_address(base: str, task: str, event: Event) -> str:
    """Return the address for an event, as Healthchecks has it: `…/backup/start`, `…/backup`, `…/backup/fail`."""
    address = f"{base.rstrip('/')}/{task}"
    return address if event == "success" else f"{address}/{event}"
