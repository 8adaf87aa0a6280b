"""What becomes of the record of cron's runs in a copy of production's data."""

from bedplate.django.anonymising.registry import erase
from bedplate.django.cron_runs.models import CronRun

# What production's cron did, and what it has still to do, is not for the copy's own cron to go on with.
erase(CronRun)
