"""The page for one's name."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods


def name_form(user: Any, data: Any = None) -> forms.ModelForm:
    """Return the form for the user's name. The class depends on the project's user model."""
    form_class = forms.modelform_factory(get_user_model(), form=NameForm, fields=["name"])
    form: forms.ModelForm = form_class(data, instance=user)
    return form


class NameForm(forms.ModelForm):
    """Changes the name."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["name"].widget.attrs["autocomplete"] = "name"

    def clean_name(self) -> str:
        """Return the name on one line: it may become part of a mail's header."""
        return " ".join(self.cleaned_data["name"].split())


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def name(request: HttpRequest) -> HttpResponse:
    """Return the page for the user's name; save it on POST."""
    # A second instance: the page's header has the saved name, not an invalid one.
    key: Any = request.user.pk
    user = get_user_model()._default_manager.get(pk=key)  # noqa: SLF001 - documented by Django
    form = name_form(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        user.save(update_fields=["name"])
        messages.success(request, _("Your name is saved."))
        return redirect("account_name")
    return render(request, "account/name.html", {"form": form})
