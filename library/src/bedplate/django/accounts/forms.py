"""django-allauth's forms, made to take as long for an address with an account as for one without."""

from typing import Any, override

from allauth.account import forms
from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from bedplate.django.accounts import tasks
from bedplate.django.accounts.mail import describe_visit


class ResetPasswordForm(forms.ResetPasswordForm):
    """Asks for a link for a new password. The worker looks the account up, not the request."""

    @override
    def clean_email(self) -> str:
        return get_adapter().clean_email(self.cleaned_data["email"].lower())

    @override
    def save(self, request: HttpRequest, **_options: Any) -> str:
        email: str = self.cleaned_data["email"]
        tasks.send_password_reset.start(email=email, visit=describe_visit(request))
        return email


class SignupForm(forms.SignupForm):
    """Makes an account."""

    @override
    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # what takes the time where an account is made
        return super().try_save(request)
