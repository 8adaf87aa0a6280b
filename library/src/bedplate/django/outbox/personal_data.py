"""Mail in the export and in the deletion of its recipient's account."""

from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import Q
from django.dispatch import receiver

from bedplate.django.accounts.personal_data import Export, delete_data, export_data
from bedplate.django.outbox.models import OutgoingMail, OutgoingMailQuerySet


def mail_to(user: Any) -> OutgoingMailQuerySet:
    """Return the mail that went to the user alone, at any of the user's addresses."""
    addresses = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    recipients = Q(pk__in=())
    for address in addresses:
        recipients |= Q(recipients=[address])
    return OutgoingMail.objects.filter(recipients)


@receiver(export_data)
def export_mail(user: Any, export: Export, **_signal: Any) -> None:
    """Add the records of the user's mail. Contents are not kept."""
    export.add("mail", list(mail_to(user).order_by("created").values("recipients", "subject", "state", "created")))


@receiver(delete_data)
def delete_mail(user: Any, **_signal: Any) -> None:
    """Delete the records of the user's mail. What still waits is sent: it may say goodbye."""
    mail_to(user).exclude(state=OutgoingMail.State.WAITING).delete()
