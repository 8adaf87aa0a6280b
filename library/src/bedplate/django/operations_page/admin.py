"""The records of backups in the administration."""

from django.contrib import admin

from bedplate.django.operations.admin import RecordAdmin
from bedplate.django.operations_page.models import BackupRecord


@admin.register(BackupRecord)
class BackupRecordAdmin(RecordAdmin):
    """Shows backups and the results of drills. They cannot be changed."""

    list_display = ("name", "created", "size", "seconds", "passed", "verified", "message")
    list_filter = ("passed", "created")
    search_fields = ("name", "message")
    date_hierarchy = "created"
