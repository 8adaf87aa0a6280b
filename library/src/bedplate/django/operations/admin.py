"""The runs of background tasks in the admin."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.models import TaskRun
from bedplate.django.operations.titles import title_of


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


class TaskFilter(admin.AllValuesFieldListFilter):
    """Offers the tasks by their titles."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = _("task")

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices."""
        for choice in super().choices(changelist):
            yield {**choice, "display": title_of(str(choice["display"]))}


@admin.register(TaskRun)
class TaskRunAdmin(RecordAdmin):
    """Shows the runs of background tasks, with tracebacks."""

    list_display = ("title", "state", "requested_by", "created", "finished")
    list_filter = ("state", ("name", TaskFilter), "created")
    fields = (
        *("title", "name", "state", "requested_by", "percent", "message", "error", "traceback_as_printed"),
        *("arguments", "attempts", "retries", "worker", "created", "due", "started", "alive", "finished"),
    )
    list_select_related = ("requested_by",)
    search_fields = ("id", "name", "error", "requested_by__email")
    date_hierarchy = "created"

    @admin.display(description=_("task"), ordering="name")
    def title(self, run: TaskRun) -> str:
        """Return the title of the task."""
        return run.title

    @admin.display(description=_("traceback"))
    def traceback_as_printed(self, run: TaskRun) -> str:
        """Return the traceback with its line breaks and spaces."""
        return format_html("<pre>{}</pre>", run.traceback) if run.traceback else ""
