"""Records of mail are the data of their recipient."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from bedplate.django.accounts.own_data import delete_account
from bedplate.django.accounts.personal_data import collect
from bedplate.django.outbox.models import OutgoingMail
from django.utils import timezone
from users.models import User

pytestmark = pytest.mark.django_db

BOB = "bob@example.org"


def test_records_of_mail_are_exported_and_deleted_with_the_account(user: User) -> None:
    ended: dict[str, Any] = {"sender": "shop@example.org", "content": b"", "finished": timezone.now()}
    EmailAddress.objects.create(user=user, email="second@example.org")
    sent = (("sent", user.email), ("failed", "second@example.org"), ("sent", BOB), ("sent", user.email, BOB))
    for state, *to in sent:
        OutgoingMail.objects.create(state=state, recipients=to, subject=f"To {to[0]}", **ended)
    OutgoingMail.objects.create(recipients=[user.email], subject="Goodbye", **ended | {"finished": None})
    mails = collect(user).data["mail"]
    assert [mail["subject"] for mail in mails] == [f"To {user.email}", "To second@example.org", "Goodbye"]
    delete_account(user.pk)
    left = OutgoingMail.objects.order_by("pk").values_list("recipients", "state")
    assert list(left) == [([BOB], "sent"), ([user.email, BOB], "sent"), ([user.email], "waiting")]
