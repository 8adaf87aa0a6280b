"""The application `development`."""

from django.apps import AppConfig


class DevelopmentConfig(AppConfig):
    """What `manage.py` does for those who write the code: new applications, translations."""

    name = "bedplate.django.development"
    label = "bedplate_development"
    default_auto_field = "django.db.models.BigAutoField"
