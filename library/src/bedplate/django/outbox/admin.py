"""The outbox in the administration: without contents."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bedplate.django.operations.admin import RecordAdmin
from bedplate.django.outbox.models import OutgoingMail, OutgoingMailQuerySet
from bedplate.django.outbox.tasks import enqueue


@admin.register(OutgoingMail)
class OutgoingMailAdmin(RecordAdmin):
    """Shows outgoing mail; a failed one can be sent again, while its content is kept."""

    list_display = ("to", "subject", "state", "created", "error")
    list_filter = ("state", "created")
    search_fields = ("message_id", "subject", "recipients", "error")
    date_hierarchy = "created"
    fields = (
        *("to", "subject", "sender", "message_id"),
        *("state", "error", "attempts", "created", "next_attempt_if_waiting", "finished"),
    )
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the mail without its content, which is not shown, and may be large."""
        return super().get_queryset(request).defer("content")

    @admin.display(description=_("recipients"))
    def to(self, mail: OutgoingMail) -> str:
        """Return the addresses."""
        return ", ".join(mail.recipients)

    @admin.display(description=_("next attempt"))
    def next_attempt_if_waiting(self, mail: OutgoingMail) -> Any:
        """Return the time of the next attempt, if there is one."""
        return mail.next_attempt if mail.state == OutgoingMail.State.WAITING else None

    @admin.action(description=_("Send again"), permissions=["send_again"])
    def send_again(self, request: HttpRequest, mails: OutgoingMailQuerySet) -> None:
        """Send the selected mail again."""
        chosen = mails.count()
        with transaction.atomic():
            count = mails.send_again(now=timezone.now())
            transaction.on_commit(enqueue)
        if count:
            sent = ngettext("%(count)d mail will be sent again.", "%(count)d mails will be sent again.", count)
            self.message_user(request, sent % {"count": count}, messages.SUCCESS)
        if others := chosen - count:
            left = ngettext(
                "%(count)d mail was left alone: it has not failed, or its content was erased.",
                "%(count)d mails were left alone: they have not failed, or their content was erased.",
                others,
            )
            self.message_user(request, left % {"count": others}, messages.WARNING)

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may send mail again: with the permission to change it."""
        return request.user.has_perm("bedplate_outbox.change_outgoingmail")
