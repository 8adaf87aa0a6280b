"""The application `media`."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_migrate
from django.utils.translation import gettext_lazy as _


class MediaConfig(AppConfig):
    """Uploaded files: private ones for their owners only, public ones for everyone."""

    name = "bedplate.django.media"
    label = "media"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Uploads")

    def ready(self) -> None:
        """Check the bucket of uploads before each migration: so a deploy fails before it changes anything."""
        pre_migrate.connect(check_bucket, sender=self, dispatch_uid="uploads")


def check_bucket(**_signal: Any) -> None:
    """Raise CommandError if uploads are in a bucket that the application cannot use."""
    from bedplate.django.media.storage import require_usable_bucket  # noqa: PLC0415 - settings load after this module

    require_usable_bucket()
