"""The outbox with a mail server on this machine."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest
from bedplate.django.outbox.models import OutgoingMail
from django.core.mail import send_mail
from django.utils import timezone
from pytest_django import Settings

from applications.smtp import SmtpServer, outbox_for, smtp_server

ADA: Final = "ada@example.org"


def write(*to: str, subject: str = "Hello", body: str = "How are you?") -> OutgoingMail:
    """Send a mail, and return it."""
    send_mail(subject, body, "Shop <shop@example.org>", list(to or (ADA,)))
    return OutgoingMail.objects.latest("pk")


def states() -> list[tuple[str, list[str]]]:
    """Return the state and the recipients of each mail."""
    return list(OutgoingMail.objects.order_by("pk").values_list("state", "recipients"))


@pytest.fixture
def server(settings: Settings) -> Iterator[SmtpServer]:
    """Use the outbox with a mail server that accepts all, and yield the server."""
    with smtp_server() as running:
        settings.MAILERS = outbox_for(running.port, timeout=0.5)
        yield running


@pytest.fixture
def time_passes() -> Callable[[timedelta], None]:
    """Return a function that lets time pass for all mail."""

    def move(time: timedelta) -> None:
        for mail in OutgoingMail.objects.all():
            mail.next_attempt -= time
            mail.finished = mail.finished - time if mail.finished else None
            mail.created = timezone.now() - time
            mail.save()

    return move
