"""Anonymization of copies of production's data, so that everyone on the team may have them."""

from typing import Any

from django.apps import AppConfig


class AnonymizationConfig(AppConfig):
    """Anonymization: `manage.py anonymise` applies the rules in each app's `anonymisation.py`."""

    name = "bedplate.django.anonymization"
    label = "anonymising"
    default_auto_field = "django.db.models.BigAutoField"


def __getattr__(name: str) -> Any:
    """Return the class under its former name, until 1.3. An alias would be a second configuration for Django."""
    if name == "AnonymisingConfig":
        return AnonymizationConfig
    raise AttributeError(name)
