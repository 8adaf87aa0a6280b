"""Private files of users."""

import re
import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, override

from django.conf import settings
from django.core.files.storage import Storage
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from bedplate.django.user_limits import lock_user

MAX_DOCUMENTS: Final = 100  # for each user, so that one user cannot fill the disk
MAX_NAME_LENGTH: Final = 255
MAX_STEM_SIZE: Final = 150  # bytes: with the suffix, less than the limit of file systems (255)


def path_of_owner(instance: Any, filename: str) -> str:
    """Return the path of a private file of `instance.owner`: `<owner>/<random>/<name>`, as the views expect.

    Use it as `upload_to` of every private file, in other models too.
    """
    name = PurePosixPath(filename)
    stem = re.sub(r"[^-\w.]+", "_", name.stem).encode()[:MAX_STEM_SIZE].decode(errors="ignore")
    return f"{instance.owner_id}/{uuid.uuid4().hex}/{stem}{name.suffix[:20]}"


def name_to_show(filename: str) -> str:
    """Return the file's name, at most 255 characters with its suffix. Django has removed invisible characters."""
    path = PurePosixPath(filename)
    suffix = path.suffix[:20]
    return path.name if len(path.name) <= MAX_NAME_LENGTH else path.name[: MAX_NAME_LENGTH - len(suffix)] + suffix


class TooManyDocumentsError(Exception):
    """The owner has the maximum number of documents."""


class Document(models.Model):
    """A private file of its owner, who has at most MAX_DOCUMENTS."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("owner"), related_name="documents"
    )
    file = models.FileField(_("file"), upload_to=path_of_owner, max_length=255)
    # As the owner named it: in the storage, special characters are replaced, and long names are cut.
    name = models.CharField(_("name"), max_length=MAX_NAME_LENGTH, editable=False, default="", db_default="")
    size = models.PositiveBigIntegerField(_("size"), editable=False)
    uploaded = models.DateTimeField(_("uploaded"), auto_now_add=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ("-uploaded",)

    def __str__(self) -> str:
        return self.name or PurePosixPath(self.file.name or "").name

    @override
    def save(self, *arguments: Any, **options: Any) -> None:
        """Save. A new document's file is stored first. Raise TooManyDocumentsError if the owner has the maximum."""
        if not self._state.adding:
            self.size = self.file.size
            super().save(*arguments, **options)
            return
        self.name = name_to_show(self.file.name or "")
        self.size = self.file.size
        self.file.field.pre_save(self, add=True)  # a slow storage must not prolong the lock
        try:
            with lock_user(self.owner_id):
                if Document.objects.filter(owner=self.owner_id).count() >= MAX_DOCUMENTS:
                    raise TooManyDocumentsError
                super().save(*arguments, **options)
        except BaseException:
            delete_with_folder(self.file.storage, str(self.file.name))
            raise


@receiver(post_delete, sender=Document)
def remove_file(instance: Document, **_signal: Any) -> None:
    """Remove the file once the deletion of its document is committed."""
    if name := instance.file.name:
        transaction.on_commit(partial(delete_with_folder, instance.file.storage, name))


def delete_with_folder(storage: Storage, name: str) -> None:
    """Delete a file, and its folder if it is empty.

    Each file has its own folder (see `path_of_owner`), so no upload writes there. The owner's folder is kept: a running
    upload may need it.
    """
    storage.delete(name)
    with suppress(NotImplementedError, OSError):  # a bucket has no folders; not empty, or deleted
        Path(storage.path(name)).parent.rmdir()
