"""The form that starts the sample task."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SampleForm(forms.Form):
    """The arguments of the sample task."""

    seconds = forms.IntegerField(label=_("Duration in seconds"), min_value=1, max_value=600, initial=20)
