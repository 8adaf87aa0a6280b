"""Mail that would have been sent, kept to be read in the browser. Not installed where mail is sent."""

from django.apps import AppConfig


class CaughtMailConfig(AppConfig):
    """Caught mail."""

    name = "bedplate.django.caught_mail"
    label = "caught_mail"
    default_auto_field = "django.db.models.BigAutoField"
