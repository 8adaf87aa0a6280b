"""The users of the site."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    """Users; they log in with their email address."""

    name = "users"
    verbose_name = _("Users")
