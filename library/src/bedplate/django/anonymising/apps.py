"""Turning a copy of production's data into data that anyone on the team may hold."""

from django.apps import AppConfig


class AnonymisingConfig(AppConfig):
    """Anonymising: rules stand in each app's `anonymisation.py`, `manage.py anonymise` carries them out."""

    name = "bedplate.django.anonymising"
    label = "anonymising"
    default_auto_field = "django.db.models.BigAutoField"
