"""django-allauth's pages in the site's design."""

from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Pages about accounts. Installed before django-allauth, whose templates it replaces."""

    name = "bedplate.django.accounts"
    label = "bedplate_accounts"
    verbose_name = _("Impersonation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signal receivers of all apps, and give models names that can be translated."""
        import_module("bedplate.django.accounts.second_factor")
        import_module("bedplate.django.accounts.account_data")
        autodiscover_modules("personal_data")
        for model, one, many in (
            ("mfa.Authenticator", _("second factor"), _("second factors")),
            ("socialaccount.SocialAccount", _("linked account"), _("linked accounts")),
            ("usersessions.UserSession", _("session"), _("sessions")),
        ):
            options = apps.get_model(model)._meta  # noqa: SLF001 - documented as `Model._meta`
            options.verbose_name, options.verbose_name_plural = one, many
        apps.get_app_config("socialaccount").verbose_name = _("Sign-in providers")
        apps.get_app_config("usersessions").verbose_name = _("Sessions")
