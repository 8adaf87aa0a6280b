import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import bedplate.django.media.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Document",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "file",
                    models.FileField(
                        max_length=255, upload_to=bedplate.django.media.models.path_of_owner, verbose_name="file"
                    ),
                ),
                ("size", models.PositiveBigIntegerField(editable=False, verbose_name="size")),
                ("uploaded", models.DateTimeField(auto_now_add=True, verbose_name="uploaded")),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "document",
                "verbose_name_plural": "documents",
                "ordering": ("-uploaded",),
            },
        ),
    ]
