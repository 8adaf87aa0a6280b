"""Background tasks: mail to users."""

from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from celery import shared_task
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext_lazy as _

from bedplate.django.accounts.mail import MailTask, visiting


@shared_task(name="users.tasks.send_password_reset", bind=True, base=MailTask, title=_("Mail for a new password"))
def send_password_reset(_self: MailTask, *, email: str, visit: dict[str, str]) -> None:
    """Send a link for a new password, if the address has an account."""
    with visiting(**visit) as request:
        form = ResetPasswordForm({"email": email})
        if form.is_valid():
            form.save(request)


@shared_task(name="users.tasks.send_confirmation", bind=True, base=MailTask, title=_("Mail that verifies an address"))
def send_confirmation(_self: MailTask, *, address: int, signup: bool, visit: dict[str, str]) -> None:
    """Send the link that verifies an address, unless the address was deleted meanwhile."""
    found = EmailAddress.objects.filter(pk=address).first()
    if found is None:
        return
    with visiting(**visit) as request:
        get_adapter().send_confirmation_mail(request, EmailConfirmationHMAC.create(found), signup)


@shared_task(
    name="users.tasks.send_account_already_exists",
    bind=True,
    base=MailTask,
    title=_("Mail about a sign-up with a known address"),
)
def send_account_already_exists(_self: MailTask, *, email: str, visit: dict[str, str]) -> None:
    """Notify the owner of an address that someone tried to sign up with it."""
    with visiting(**visit):
        get_adapter().send_account_already_exists_mail(email)


@shared_task(name="users.tasks.send_message", bind=True, base=MailTask, title=_("Mail"))
def send_message(_self: MailTask, *, subject: str, text: str, html: str, to: list[str]) -> None:
    """Send a mail that a release until 1.2 has queued. Mail that is rendered already needs no task now."""
    message = EmailMultiAlternatives(subject, text, to=to)
    if html:
        message.attach_alternative(html, "text/html")
    message.send()


@shared_task(name="users.tasks.send_invitation", bind=True, base=MailTask, title=_("Mail with an invitation"))
def send_invitation(_self: MailTask, *, user: Any, visit: dict[str, str]) -> None:
    """Send the link with which an invited user sets the password, unless there is a password meanwhile."""
    found: Any = get_user_model()._default_manager.filter(pk=user, is_active=True).first()  # noqa: SLF001 - documented
    if found is None or found.has_usable_password():
        return
    key = f"{user_pk_to_url_str(found)}-{app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(found)}"
    with visiting(**visit):
        adapter = get_adapter()
        context = {
            "password_url": adapter.get_reset_password_from_key_url(key),
            "project_name": settings.ENVIRONMENT.project_name,
            "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        }
        adapter.send_mail("account/email/invitation", found.email, context)
