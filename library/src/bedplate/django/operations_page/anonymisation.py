"""Rules for the records of backups in copies of production's data."""

from bedplate.django.anonymization.registry import erase
from bedplate.django.operations_page.models import BackupRecord

# They are about production's backups.
erase(BackupRecord)
