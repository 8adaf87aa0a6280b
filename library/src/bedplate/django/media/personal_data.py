"""Documents in the export and in the deletion of their owner's account."""

from typing import Any

from django.dispatch import receiver

from bedplate.django.accounts.personal_data import Export, delete_data, export_data
from bedplate.django.media import tasks
from bedplate.django.media.models import Document


@receiver(export_data)
def export_documents(user: Any, export: Export, **_signal: Any) -> None:
    """Add the user's documents, with their files."""
    found = []
    for document in Document.objects.filter(owner=user).order_by("pk"):
        file = export.add_file(
            "documents", str(document), storage=document.file.storage, stored_as=document.file.name or ""
        )
        found.append({"name": str(document), "size": document.size, "uploaded": document.uploaded, "file": file})
    export.add("documents", found)


@receiver(delete_data)
def delete_files(user: Any, **_signal: Any) -> None:
    """Start the task that removes the user's files. Its row is in the transaction, so a dying process loses nothing."""
    tasks.remove_files.start(owner=user.pk)
