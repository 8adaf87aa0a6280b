"""The form that uploads a document."""

from typing import Any, ClassVar, Final, override

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bedplate.django.media import models
from bedplate.django.media.models import Document, TooManyDocumentsError

TOO_MANY: Final = _("You have the maximum number of documents. Delete one first.")


class DocumentForm(forms.ModelForm):
    """A file for the owner of the form's instance."""

    class Meta:
        model = Document
        fields: ClassVar[list[str]] = ["file"]

    @override
    def clean(self) -> dict[str, Any] | None:
        """Refuse before the file is stored; `Document.save` holds the limit."""
        if Document.objects.filter(owner=self.instance.owner).count() >= models.MAX_DOCUMENTS:
            raise ValidationError(TOO_MANY)
        return super().clean()

    def save_if_valid(self) -> bool:
        """Save the document. Return False, with the error in the form, if that is not possible."""
        if not self.is_valid():
            return False
        try:
            self.save()
        except TooManyDocumentsError:  # a request at the same time was first
            self.add_error(None, TOO_MANY)
            return False
        return True
