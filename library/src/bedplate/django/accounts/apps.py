"""django-allauth's pages in the site's design."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Pages about accounts. Installed before django-allauth, whose templates it replaces."""

    name = "bedplate.django.accounts"
    label = "bedplate_accounts"
    default_auto_field = "django.db.models.BigAutoField"
