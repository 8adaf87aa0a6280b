"""The form that creates a token."""

from datetime import datetime, timedelta
from typing import Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DAYS: Final = ((30, _("30 days")), (90, _("90 days")), (365, _("A year")))


class ApiTokenForm(forms.Form):
    """The name of a token, and how long it is valid."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Of the program that is going to use it."))
    days = forms.TypedChoiceField(label=_("Valid for"), choices=DAYS, coerce=int, initial=90)

    def expires(self) -> datetime:
        """Return when the token is going to expire."""
        return timezone.now() + timedelta(days=self.cleaned_data["days"])
