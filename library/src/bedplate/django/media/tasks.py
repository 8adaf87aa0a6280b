"""Background tasks about files."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from django.contrib.auth import get_user_model
from django.core.files.storage import Storage, default_storage
from django.utils.translation import gettext_lazy as _

from bedplate.django.operations.run_tracking import TrackedTask


@shared_task(
    name="media.tasks.remove_files", bind=True, base=TrackedTask, title=_("Removal of the files of a deleted user")
)
def remove_files(_self: TrackedTask, *, owner: Any) -> None:
    """Remove all private files of a deleted user: of every model, and of uploads that failed."""
    if get_user_model()._default_manager.filter(pk=owner).exists():  # noqa: SLF001 - documented by Django
        raise ValueError("The user exists: the files are needed.")
    remove_folder(default_storage, str(owner))


def remove_folder(storage: Storage, name: str) -> None:
    """Delete a folder of the storage, with everything in it. Do nothing if it does not exist."""
    try:
        folders, files = storage.listdir(name)
    except FileNotFoundError:
        return
    for file in files:
        storage.delete(f"{name}/{file}")
    for folder in folders:
        remove_folder(storage, f"{name}/{folder}")
    with suppress(NotImplementedError, OSError):  # a bucket has no folders
        Path(storage.path(name)).rmdir()
