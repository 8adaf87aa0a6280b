"""Mail that would have been sent, kept to be read in the browser. Not installed where mail is sent."""

from django.apps import AppConfig


class CaughtMailConfig(AppConfig):
    """Caught mail."""

    name = "caught_mail"
