"""The mail in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# A process that sends a mail ends within this time: bedplate.django.outbox.tasks.
LEASE: Final = timedelta(seconds=150)
FIRST_DELAY: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(hours=4)
IMPOSSIBLE_DELAY: Final = 2 * LONGEST_DELAY
MAX_ATTEMPTS: Final = 20
"""About two days: 30 seconds after the first attempt, doubled each time, up to four hours."""
CONTENT_KEPT: Final = timedelta(days=7)
"""The time for which a failed mail can be sent again."""
RECORD_KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an attempt for each recipient. The values are the errors."""

    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str]
    deferred: Mapping[str, str]
    may_continue: bool = True
    """False if the error is the server's: other mail would fail too."""


def delay_after(attempts: int) -> timedelta:
    """Return the time until the next attempt."""
    doubled: int = 2 ** min(attempts - 1, 16)
    return min(LONGEST_DELAY, FIRST_DELAY * doubled)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    """Mail, and its changes of state."""

    def due(self, *, now: datetime) -> "OutgoingMailQuerySet":
        """Return the mail to send now."""
        return self.filter(state=OutgoingMail.State.WAITING, next_attempt__lte=now)

    def work(self, *, now: datetime) -> "OutgoingMailQuerySet":
        """Return the mail to send, to erase or to delete now."""
        old = Q(finished__lt=now - CONTENT_KEPT) & ~Q(content=b"") | Q(finished__lt=now - RECORD_KEPT)
        when = Q(next_attempt__lte=now) | Q(next_attempt__gt=now + IMPOSSIBLE_DELAY)
        return self.filter(Q(state=OutgoingMail.State.WAITING) & when | old)

    def take(self, *, now: datetime) -> "OutgoingMail | None":
        """Return a mail that only the caller may send, until the lease ends. Return None if none is due.

        A process that is killed records nothing. Then the mail is due again, not before the delay of this attempt.
        """
        with transaction.atomic():
            mail = self.select_for_update(skip_locked=True).due(now=now).order_by("next_attempt").first()
            if mail:
                mail.attempts += 1
                mail.next_attempt = now + max(LEASE, delay_after(mail.attempts))
                mail.save(update_fields=["attempts", "next_attempt"])
        return mail

    def record(self, mail: "OutgoingMail", outcome: Outcome, *, now: datetime) -> None:
        """Record the result of an attempt. Recipients with different results get rows of their own."""
        state = OutgoingMail.State
        later: dict[str, Any] = {"state": state.WAITING, "next_attempt": now + delay_after(mail.attempts)}
        if mail.attempts >= MAX_ATTEMPTS:
            later = {"state": state.FAILED, "finished": now}
        groups: list[tuple[list[str], dict[str, Any]]] = [
            (list(outcome.accepted), {"state": state.SENT, "finished": now, "content": b"", "error": ""}),
            (list(outcome.refused), {"state": state.FAILED, "finished": now, "error": joined(outcome.refused)}),
            (list(outcome.deferred), {**later, "error": joined(outcome.deferred)}),
        ]
        (first, fields), *others = [group for group in groups if group[0]]
        with transaction.atomic():
            # Not if the lease has ended, and another process has the mail.
            mine = self.filter(pk=mail.pk, state=state.WAITING, attempts=mail.attempts)
            if mine.update(recipients=first, **fields):
                for recipients, values in others:
                    self.create(**mail.copied() | {"recipients": recipients} | values)

    def send_again(self, *, now: datetime) -> int:
        """Let the failed ones of these wait to be sent. Return their number; those whose content is erased stay."""
        failed = self.filter(state=OutgoingMail.State.FAILED).exclude(content=b"")
        return failed.update(state=OutgoingMail.State.WAITING, attempts=0, next_attempt=now, finished=None)

    def end_waiting(self, error: str, *, now: datetime) -> int:
        """Mark all waiting mail as failed. Return its number."""
        return self.filter(state=OutgoingMail.State.WAITING).update(
            state=OutgoingMail.State.FAILED, error=error, finished=now
        )

    def clean(self, *, now: datetime) -> None:
        """Erase the content of old failures, delete old records, and give up mail that kills its process every time.

        Mail that waits for a time that a clock has set which was ahead is due now.
        """
        self.filter(state=OutgoingMail.State.WAITING, next_attempt__gt=now + IMPOSSIBLE_DELAY).update(next_attempt=now)
        self.due(now=now).filter(attempts__gte=MAX_ATTEMPTS).update(state=OutgoingMail.State.FAILED, finished=now)
        self.filter(finished__lt=now - CONTENT_KEPT).exclude(content=b"").update(content=b"")
        self.filter(finished__lt=now - RECORD_KEPT).delete()


class OutgoingMail(models.Model):
    """A mail, with its complete content until it is sent."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    message_id = models.CharField(_("Message-ID"), max_length=255)
    sender = models.CharField(_("sender"), max_length=320)
    recipients = models.JSONField(_("recipients"))
    subject = models.CharField(_("subject"), max_length=255)
    # The encrypted MIME; empty once it is sent or erased.
    content = models.BinaryField(_("content"))
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt = models.DateTimeField(_("next attempt"), default=timezone.now)
    error = models.TextField(_("error"), blank=True, default="")
    created = models.DateTimeField(_("created"), auto_now_add=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing mail")
        verbose_name_plural = _("outgoing mail")
        ordering = ("-created",)
        indexes = (
            models.Index(fields=["-created"], name="outbox_created"),
            models.Index(fields=["next_attempt"], name="outbox_waiting", condition=Q(state="waiting")),
            models.Index(fields=["finished"], name="outbox_finished"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(state__in=["waiting", "sent", "failed"]), name="outbox_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", finished__isnull=True)
                | Q(state__in=["sent", "failed"], finished__isnull=False),
                name="outbox_finished_when_it_has_ended",
            ),
        )

    def __str__(self) -> str:
        return self.message_id

    def copied(self) -> dict[str, Any]:
        """Return the fields of a copy for other recipients."""
        names = ("message_id", "sender", "subject", "content", "attempts", "next_attempt")
        return {name: getattr(self, name) for name in names}


def joined(errors: Mapping[str, str]) -> str:
    """Return the different errors, one on each line."""
    return "\n".join(dict.fromkeys(errors.values()))
