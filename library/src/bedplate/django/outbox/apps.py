"""The application `outbox`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.worker import beat


class OutboxConfig(AppConfig):
    """The outbox: mail is written to a table, in the transaction of its sender, and a worker sends it."""

    name = "bedplate.django.outbox"
    label = "bedplate_outbox"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Outbox")

    def ready(self) -> None:
        """Look for mail to send whenever a worker is alive."""
        from bedplate.django.outbox.tasks import look  # noqa: PLC0415 - models load after this module

        beat.connect(look, dispatch_uid="outbox")
