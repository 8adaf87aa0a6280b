"""How forms and error pages look."""

from django.apps import AppConfig


class ThemeConfig(AppConfig):
    """Templates that other pages are made of."""

    name = "bedplate.django.theme"
    label = "bedplate_theme"
    default_auto_field = "django.db.models.BigAutoField"
