"""The mail in the outbox: waiting, failed, sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedplate.django.outbox.models import OutgoingMail

DAY: Final = timedelta(days=1)
FAILED_SINCE: Final = timedelta(days=7)
LONG_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The numbers of mails, at a time."""

    now: datetime
    waiting: int
    tried: int
    """How many of the waiting ones were tried already."""
    oldest: datetime | None
    """The time when the first of the waiting ones was written."""
    failed: int
    failed_recently: int
    sent_recently: int

    @property
    def oldest_wait(self) -> float:
        """The seconds for which the first mail has waited; 0 if none waits."""
        return (self.now - self.oldest).total_seconds() if self.oldest else 0.0

    def problems(self) -> list[str]:
        """Return sentences about mail that failed or waits for too long."""
        found = []
        if failed := self.failed_recently:
            found.append(
                ngettext(
                    "%(count)d mail could not be sent in the last day.",
                    "%(count)d mails could not be sent in the last day.",
                    failed,
                )
                % {"count": failed}
            )
        if self.oldest_wait > LONG_WAIT.total_seconds():
            found.append(_("A mail has waited for %(minutes)d minutes.") % {"minutes": int(self.oldest_wait // 60)})
        return found


def gather_mail() -> Mail:
    """Return the numbers of mails, with one query, which reads the waiting mail and that of the last week."""
    now = timezone.now()
    state = OutgoingMail.State
    recent, waiting = Q(finished__gt=now - DAY), Q(state=state.WAITING)
    numbers: dict[str, Any] = OutgoingMail.objects.filter(
        waiting | Q(state__in=[state.SENT, state.FAILED], finished__gt=now - FAILED_SINCE)
    ).aggregate(
        waiting=Count("pk", filter=waiting),
        tried=Count("pk", filter=waiting & Q(attempts__gt=0)),
        oldest=Min("created", filter=waiting),
        failed=Count("pk", filter=Q(state=state.FAILED)),
        failed_recently=Count("pk", filter=Q(state=state.FAILED) & recent),
        sent_recently=Count("pk", filter=Q(state=state.SENT) & recent),
    )
    return Mail(now=now, **numbers)
