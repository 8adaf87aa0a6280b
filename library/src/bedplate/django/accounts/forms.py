"""django-allauth's forms, with the same response time whether an address has an account or not."""

from typing import Any, override

from allauth.account import forms
from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from bedplate.django.accounts import tasks
from bedplate.django.accounts.mail import describe_visit


class ResetPasswordForm(forms.ResetPasswordForm):
    """Requests a link for a new password. The worker looks up the account, not the request."""

    @override
    def clean_email(self) -> str:
        return get_adapter().clean_email(self.cleaned_data["email"].lower())

    @override
    def save(self, request: HttpRequest, **_options: Any) -> str:
        email: str = self.cleaned_data["email"]
        tasks.send_password_reset.start(email=email, visit=describe_visit(request))
        return email


class SignupForm(forms.SignupForm):
    """Creates an account."""

    @override
    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # takes as long as creating an account
        return super().try_save(request)
