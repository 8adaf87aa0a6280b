"""Documents keep the names of their files: those from before have them from the storage."""

from pathlib import PurePosixPath
from typing import Any

from django.db import migrations, models


def name_documents(apps: Any, _schema_editor: Any) -> None:
    Document = apps.get_model("media", "Document")
    for document in Document.objects.filter(name="").only("file").iterator():
        name = PurePosixPath(document.file.name or "").name
        Document.objects.filter(pk=document.pk).update(name=name)


class Migration(migrations.Migration):
    dependencies = [("media", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="name",
            field=models.CharField(db_default="", default="", editable=False, max_length=255, verbose_name="name"),
        ),
        migrations.RunPython(name_documents, migrations.RunPython.noop),
    ]
