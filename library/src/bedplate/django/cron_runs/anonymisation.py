"""Rules for the runs of cron in copies of production's data."""

from bedplate.django.anonymization.registry import erase
from bedplate.django.cron_runs.models import CronRun

# They belong to production's cron: the copy's cron has its own schedule.
erase(CronRun)
