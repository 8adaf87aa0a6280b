"""The backups as the cron container reports them: the site itself has no access to their store."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class BackupRecordQuerySet(models.QuerySet["BackupRecord"]):
    """Records of backups."""

    def record(self, reported: Iterable[Mapping[str, Any]]) -> int:
        """Create or update the records by their names. Return how many were reported. Other fields stay as they are."""
        number = 0
        for number, fields in enumerate(reported, start=1):  # noqa: B007 - it is returned
            self.update_or_create(name=fields["name"], defaults=dict(fields))
        return number


class BackupRecord(models.Model):
    """A backup, and the result of the last drill on it."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    created = models.DateTimeField(_("created"), db_index=True)
    seconds = models.FloatField(_("duration in seconds"), null=True)
    size = models.BigIntegerField(_("stored size in bytes"))
    database_size = models.BigIntegerField(_("size of the database in bytes"))
    verified = models.DateTimeField(_("verified"), null=True)
    passed = models.BooleanField(_("passed"), null=True)
    message = models.CharField(_("message"), max_length=255, blank=True, default="")

    objects = BackupRecordQuerySet.as_manager()

    class Meta:
        db_table = "backup_records"
        verbose_name = _("backup")
        verbose_name_plural = _("backups")
        ordering = ("-created",)

    def __str__(self) -> str:
        return self.name
