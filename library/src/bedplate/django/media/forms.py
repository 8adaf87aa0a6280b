"""The form that uploads a document."""

from typing import Any, ClassVar, Final, override

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bedplate.django.media.models import Document

MOST_DOCUMENTS: Final = 100  # of one person: nobody fills the disk alone


class DocumentForm(forms.ModelForm):
    """A file, for the owner that the form's instance has."""

    class Meta:
        model = Document
        fields: ClassVar[list[str]] = ["file"]

    @override
    def clean(self) -> dict[str, Any] | None:
        if Document.objects.filter(owner=self.instance.owner).count() >= MOST_DOCUMENTS:
            raise ValidationError(_("You have as many documents as one person can have. Delete one first."))
        return super().clean()
