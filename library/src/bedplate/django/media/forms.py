"""The form that uploads a document."""

from typing import Any, ClassVar, Final, override

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bedplate.django.media.models import Document

MAX_DOCUMENTS: Final = 100  # for each user, so that one user cannot fill the disk


class DocumentForm(forms.ModelForm):
    """A file for the owner of the form's instance."""

    class Meta:
        model = Document
        fields: ClassVar[list[str]] = ["file"]

    @override
    def clean(self) -> dict[str, Any] | None:
        if Document.objects.filter(owner=self.instance.owner).count() >= MAX_DOCUMENTS:
            raise ValidationError(_("You have the maximum number of documents. Delete one first."))
        return super().clean()
