"""django-allauth's pages in the site's design."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Pages about accounts. Installed before django-allauth, whose templates it replaces."""

    name = "bedplate.django.accounts"
    label = "bedplate_accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signal receivers of second factors."""
        import_module("bedplate.django.accounts.second_factor")
