"""The backups as the cron container reports them: the site itself has no access to their store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class BackupRecordQuerySet(models.QuerySet["BackupRecord"]):
    """Records of backups."""

    def record(self, reported: Sequence[Mapping[str, Any]]) -> int:
        """Create or update the records of the newest backups by their names. Return how many there are.

        Fields that are not reported stay as they are. Records of backups that are no longer among the newest are
        deleted, except those that are older than all reported ones.
        """
        for fields in reported:
            self.update_or_create(name=fields["name"], defaults=dict(fields))
        oldest = min((fields["created"] for fields in reported), default=datetime.min.replace(tzinfo=UTC))
        self.filter(created__gte=oldest).exclude(name__in=[fields["name"] for fields in reported]).delete()
        return len(reported)


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
