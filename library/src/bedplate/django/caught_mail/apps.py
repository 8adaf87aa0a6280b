"""The mail catcher: keeps mail, readable in the browser, instead of sending it. Not installed where mail is sent."""

from django.apps import AppConfig


class CaughtMailConfig(AppConfig):
    """The mail catcher."""

    name = "bedplate.django.caught_mail"
    label = "caught_mail"
    default_auto_field = "django.db.models.BigAutoField"
