"""The design of forms and error pages."""

from django.apps import AppConfig


class ThemeConfig(AppConfig):
    """Templates of forms and error pages."""

    name = "bedplate.django.theme"
    label = "bedplate_theme"
    default_auto_field = "django.db.models.BigAutoField"
