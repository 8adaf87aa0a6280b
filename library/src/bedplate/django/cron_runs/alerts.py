"""Telling people: mail to the admins, and pings to a service that also notices when there are none."""

import logging
import time
from collections.abc import Callable
from typing import Final, Literal
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.mail import mail_admins

logger = logging.getLogger(__name__)

# Seconds between tries to send a mail.
PATIENCE: Final = (1, 5)
PING_LIMIT: Final = 5.0

type Event = Literal["start", "success", "fail"]


def alert(task: str, what: str, *, details: str = "") -> None:
    """Tell the log, the admins and the ping service that a task needs somebody. It raises nothing."""
    logger.error("Cron: %s: %s", task, what)
    ping(task, "fail", body=f"{what}\n\n{details}")
    subject = f"Cron: {task}: {what}"
    if not persist(lambda: mail_admins(subject, message(task, what, details))):
        logger.critical("Cron: no mail could be sent about %s: %s", task, what)


def message(task: str, what: str, details: str) -> str:
    """Return the text of the mail."""
    environment = settings.ENVIRONMENT
    return "\n".join(
        [
            f"The task {task} of {environment.project_name} ({environment.environment}) needs somebody.",
            "",
            what,
            "",
            details or "It printed nothing.",
            "",
            "All its runs: Administration, Cron, cron runs. What to do: library/docs/how-to/add-a-cron-task.md",
        ]
    )


def persist(action: Callable[[], object], *, patience: tuple[float, ...] | None = None) -> bool:
    """Do it, again after so many seconds each (`PATIENCE`) if it fails; return whether it succeeded."""
    for pause in (*(PATIENCE if patience is None else patience), None):
        try:
            action()
        except Exception:
            logger.exception("Cron: it failed")
        else:
            return True
        if pause is not None:
            time.sleep(pause)
    return False


def ping(task: str, event: Event, *, body: str = "") -> None:
    """Tell the ping service, if there is one, what happens to a task. It raises nothing."""
    if not settings.ENVIRONMENT.cron_ping_url:
        return
    address = ping_address(settings.ENVIRONMENT.cron_ping_url, task, event)
    try:
        urlopen(Request(address, data=body.encode()), timeout=PING_LIMIT).close()  # noqa: S310 - http(s): see Environment
    except OSError as error:
        logger.warning("Cron: the ping %s failed: %s", address, error)


def ping_address(base: str, task: str, event: Event) -> str:
    """Return where a service such as Healthchecks is told: `…/backup/start`, `…/backup`, `…/backup/fail`."""
    address = f"{base.rstrip('/')}/{task}"
    return address if event == "success" else f"{address}/{event}"
