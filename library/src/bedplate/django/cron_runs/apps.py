"""The application `cron_runs`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CronRunsConfig(AppConfig):
    """Schedules, records and alerts of cron."""

    name = "bedplate.django.cron_runs"
    label = "cron_runs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Cron")
