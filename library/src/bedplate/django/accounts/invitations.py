"""Invitations: staff add a user by address in the admin, and the user sets the password with a link in a mail."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_reset
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bedplate.django.accounts import tasks
from bedplate.django.accounts.mail import describe_visit


class InvitationForm(forms.ModelForm):
    """Adds a user without a password."""

    language = forms.ChoiceField(label=gettext_lazy("Language of the mail"))

    class Meta:
        model = get_user_model()
        fields = ("email", "name")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        language: Any = self.fields["language"]
        language.choices = settings.LANGUAGES
        language.initial = translation.get_language()

    def clean_email(self) -> str:
        """Return the address, unless another user has verified it."""
        email: str = self.cleaned_data["email"].lower()
        if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
            raise ValidationError(_("This address belongs to another user."))
        return email

    def clean_name(self) -> str:
        """Return the name on one line."""
        return " ".join(self.cleaned_data["name"].split())


class InvitingUserAdmin(UserAdmin):
    """The admin of users, in which "Add user" sends an invitation. A project's own `UserAdmin` extends it."""

    add_form: Any = InvitationForm
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "language")}),)
    actions = ("invite_again",)
    change_form_template = "admin/user_change_form.html"

    def render_change_form(self, request: HttpRequest, context: Any, *arguments: Any, **options: Any) -> Any:
        """Return the page of a user. Superusers can act as users who are not superusers."""
        user = context.get("original")
        context["can_impersonate"] = (
            request.user.is_superuser and user is not None and user.is_active and not user.is_superuser
        )
        return super().render_change_form(request, context, *arguments, **options)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the user. Start the task that invites a new one: it is queued in the same transaction."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            EmailAddress.objects.create(user=obj, email=obj.email, primary=True, verified=False)
            invite(request, obj, language=form.cleaned_data["language"])
            messages.info(request, _("An invitation is sent to %(email)s.") % {"email": obj.email})

    @admin.action(description=gettext_lazy("Send the invitation again"), permissions=["add"])
    def invite_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Invite the chosen users again who have not set a password."""
        waiting = [user for user in queryset.filter(is_active=True) if not user.has_usable_password()]
        for user in waiting:
            invite(request, user, language=translation.get_language() or "")
        number = len(waiting)
        text = ngettext("%(number)d invitation is sent.", "%(number)d invitations are sent.", number)
        messages.info(request, text % {"number": number})


def invite(request: HttpRequest, user: Any, *, language: str) -> None:
    """Start the task that sends the invitation."""
    tasks.send_invitation.start(user=user.pk, visit={**describe_visit(request), "language": language})


@receiver(password_reset)
def verify_only_address(user: Any, **_signal: Any) -> None:
    """Mark the user's only address as verified: the link for the password was sent there.

    With several addresses it is unknown which one the link was sent to.
    """
    addresses = list(EmailAddress.objects.filter(user=user)[:2])
    if len(addresses) == 1 and addresses[0].email.lower() == user.email.lower():
        addresses[0].set_verified()
