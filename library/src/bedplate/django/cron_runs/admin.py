"""The runs of cron in the administration."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from bedplate.django.cron_runs.models import CronRun
from bedplate.django.operations.admin import RecordAdmin


@admin.register(CronRun)
class CronRunAdmin(RecordAdmin):
    """Shows scheduled, running and finished runs. They cannot be changed."""

    list_display = ("task", "state", "scheduled_for", "finished", "reason")
    list_filter = ("state", "task", "scheduled_for")
    search_fields = ("task", "reason", "output")
    date_hierarchy = "scheduled_for"
    fields = (
        *("task", "command", "state", "reason", "exit_code"),
        *("scheduled_for", "started", "finished", "output_as_printed"),
    )

    @admin.display(description=_("end of the output"))
    def output_as_printed(self, run: CronRun) -> str:
        """Return the output with its line breaks and spaces, as on a terminal."""
        return format_html("<pre>{}</pre>", run.output)
