"""The application `cron_runs`."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CronRunsConfig(AppConfig):
    """The runs of cron: their schedule, their record, their alarms."""

    name = "cron_runs"
    verbose_name = _("Cron")
