"""Background tasks: mail to users."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from celery import shared_task
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
