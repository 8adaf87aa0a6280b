"""The runs of background tasks in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from bedplate.django.operations.models import TaskRun


class RecordAdmin(admin.ModelAdmin):
    """Shows read-only records."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return False."""
        return False


@admin.register(TaskRun)
class TaskRunAdmin(RecordAdmin):
    """Shows the runs of background tasks."""

    list_display = ("name", "state", "requested_by", "created", "finished")
    list_filter = ("state", "name", "created")
    list_select_related = ("requested_by",)
    search_fields = ("id", "name", "error", "requested_by__email")
    date_hierarchy = "created"
