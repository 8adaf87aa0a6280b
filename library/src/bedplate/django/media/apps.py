"""The application `media`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MediaConfig(AppConfig):
    """Uploaded files: private ones for their owners only, public ones for everyone."""

    name = "bedplate.django.media"
    label = "media"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Uploads")
