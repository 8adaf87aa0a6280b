"""Processes that are killed between two steps lose no mail; and the recipient recognizes a duplicate.

The processes are real, and have the settings of the application, not those that Django sets for tests.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from email import message_from_string
from pathlib import Path
from typing import Final

import pytest
from bedplate.django.caught_mail.folder import CaughtMessage, MailFolder
from bedplate.django.outbox.delivery import deliver_due
from bedplate.django.outbox.models import OutgoingMail
from bedplate.testing.worker import running_worker, wait_until
from django.conf import settings
from django.db import connection
from django.utils import timezone

from applications.smtp import SmtpServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_database")]

PROGRAM: Final = """
import os, signal
import django; django.setup()
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from bedplate.django.outbox import delivery, tasks
from bedplate.django.outbox.models import OutgoingMail
from bedplate.django.outbox.smtp import EmailBackend

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

def write():
    send_mail("Hello", "Text", None, ["ada@example.org"])

if port := os.environ.get("SMTP_PORT"):
    options = {"host": "127.0.0.1", "port": int(port), "timeout": 10}
    transport = {"BACKEND": "bedplate.django.outbox.smtp.EmailBackend", "OPTIONS": options}
    settings.MAILERS = {**settings.MAILERS, "transport": transport}
"""


@pytest.fixture(autouse=True)
def postgresql_name() -> dict[str, str]:
    """Return the variables with which a process uses the tests' database."""
    return {"POSTGRES_DB": str(connection.settings_dict["NAME"])} if connection.vendor == "postgresql" else {}


@pytest.fixture
def start(postgresql_name: dict[str, str]) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Return a function that starts a process with these lines."""

    def run(lines: str, **variables: str) -> "subprocess.Popen[bytes]":
        environment = os.environ | postgresql_name | variables
        command = [sys.executable, "-c", PROGRAM + lines]
        return subprocess.Popen(command, cwd=settings.BASE_DIRECTORY, env=environment)

    return run


@pytest.fixture
def killed(start: Callable[..., "subprocess.Popen[bytes]"]) -> Callable[..., None]:
    """Return a function that runs lines in a process which kills itself."""

    def run(lines: str, **variables: str) -> None:
        assert start(lines, **variables).wait(60) == -signal.SIGKILL

    return run


@pytest.fixture
def folder() -> MailFolder:
    """Return the folder of the mail catcher, empty."""
    folder = MailFolder(settings.CAUGHT_MAIL_DIRECTORY)
    for leftover in folder.path.glob("*.eml"):
        leftover.unlink()
    return folder


def test_killed_between_commit_and_queue(
    killed: Callable[..., None], folder: MailFolder, postgresql_name: dict[str, str], tmp_path: Path
) -> None:
    """The mail is in the table, its message is in no queue: the next worker finds it."""
    killed("tasks.deliver.apply_async = die\nwith transaction.atomic():\n    write()\n    write()\n")
    assert list(OutgoingMail.objects.values_list("state", "attempts")) == [("waiting", 0)] * 2
    with running_worker(postgresql_name, tmp_path):
        wait_until(lambda: OutgoingMail.objects.filter(state="sent").count() == 2)
    assert identifiers(folder.newest(9)) == sorted(OutgoingMail.objects.values_list("message_id", flat=True))


def test_killed_before_the_commit(killed: Callable[..., None]) -> None:
    killed("with transaction.atomic():\n    write()\n    die()\n")
    assert not OutgoingMail.objects.exists()


def test_killed_between_taking_and_sending(
    killed: Callable[..., None], server: SmtpServer, time_passes: Callable[[timedelta], None]
) -> None:
    killed("write()\nEmailBackend.send_messages = die\ndelivery.deliver_due()\n", SMTP_PORT=str(server.port))
    mail = OutgoingMail.objects.get()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    deliver_due()
    assert server.mails == []  # the killed process might still be sending it
    time_passes(timedelta(minutes=3))
    deliver_due()
    assert [message_from_string(each)["Message-ID"] for each in server.mails] == [mail.message_id]
    assert OutgoingMail.objects.get().state == "sent"


def test_killed_between_sending_and_recording(
    killed: Callable[..., None], server: SmtpServer, time_passes: Callable[[timedelta], None]
) -> None:
    killed("write()\ndelivery.write_state = die\ndelivery.deliver_due()\n", SMTP_PORT=str(server.port))
    time_passes(timedelta(minutes=3))
    deliver_due()
    (identifier,) = {message_from_string(each)["Message-ID"] for each in server.mails}
    assert len(server.mails) == 2
    assert identifier == OutgoingMail.objects.get().message_id


def test_processes_at_the_same_time_send_each_mail_once(
    start: Callable[..., "subprocess.Popen[bytes]"], server: SmtpServer
) -> None:
    server.pause = 0.01
    writer = start("for number in range(25):\n    write()\n", SMTP_PORT=str(server.port))
    assert writer.wait(60) == 0
    assert OutgoingMail.objects.due(now=timezone.now()).count() == 25
    senders = [start("delivery.deliver_due()\n", SMTP_PORT=str(server.port)) for _ in range(3)]
    assert [sender.wait(100) for sender in senders] == [0, 0, 0]
    sent = [message_from_string(each)["Message-ID"] for each in server.mails]
    assert len(sent) == len(set(sent)) == 25
    assert OutgoingMail.objects.filter(state="sent", attempts=1).count() == 25


def identifiers(caught: list[CaughtMessage]) -> list[str]:
    """Return the sorted Message-IDs of caught mail."""
    return sorted(str(each.message["Message-ID"]) for each in caught)
