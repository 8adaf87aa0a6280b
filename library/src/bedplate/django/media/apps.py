"""The application `media`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MediaConfig(AppConfig):
    """Files that people upload: private ones for their owner alone, public ones for everybody."""

    name = "bedplate.django.media"
    label = "media"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Uploads")
