"""The application `development`."""

from django.apps import AppConfig


class DevelopmentConfig(AppConfig):
    """Commands of `manage.py` for developers: new applications, translations."""

    name = "bedplate.django.development"
    label = "bedplate_development"
    default_auto_field = "django.db.models.BigAutoField"
