import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="TaskRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False, verbose_name="id"
                    ),
                ),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField(default=0, verbose_name="percent")),
                ("message", models.CharField(blank=True, max_length=255, verbose_name="message")),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("started", models.DateTimeField(null=True, verbose_name="started")),
                ("finished", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "requested_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="task_runs",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="requested by",
                    ),
                ),
            ],
            options={
                "verbose_name": "task run",
                "verbose_name_plural": "task runs",
                "ordering": ("-created",),
                "indexes": [
                    models.Index(fields=["requested_by", "-created"], name="task_run_requested_by"),
                    models.Index(fields=["-created"], name="task_run_created"),
                    models.Index(condition=models.Q(("state", "running")), fields=["started"], name="task_run_running"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "running", "succeeded", "failed"])),
                        name="task_run_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__lte", 100)), name="task_run_percent_at_most_100"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished__isnull", False), ("state__in", ["succeeded", "failed"])),
                            models.Q(("finished__isnull", True), ("state__in", ["queued", "running"])),
                            _connector="OR",
                        ),
                        name="task_run_finished_when_it_has_ended",
                    ),
                ],
            },
        ),
    ]
