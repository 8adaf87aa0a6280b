"""The adapter of django-allauth for this site."""

from dataclasses import dataclass
from typing import Any, override

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailConfirmationHMAC
from allauth.core import context as allauth_context
from django.conf import settings
from django.http import HttpRequest

from bedplate.django.accounts import tasks
from bedplate.django.accounts.mail import MailRequest, describe_visit


@dataclass(frozen=True)
class Site:
    """The site's name and domain in mails."""

    name: str
    domain: str


class AccountAdapter(DefaultAccountAdapter):
    """The adapter: sign-up is closed unless ALLOW_SIGNUP opens it, and mails have the project's name.

    Mail that only some addresses get is rendered by a task (`accounts.tasks`), which calls the same methods with a
    `MailRequest`. All mail goes through the outbox, so that no request waits for a mail server.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 (allauth's signature)
        """Return whether people may create an account themselves."""
        return bool(settings.ENVIRONMENT.allow_signup)

    @override
    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        if isinstance(request, MailRequest) or not isinstance(emailconfirmation, EmailConfirmationHMAC):
            super().send_confirmation_mail(request, emailconfirmation, signup)
            return
        address = emailconfirmation.email_address.pk
        tasks.send_confirmation.start(address=address, signup=signup, visit=describe_visit(request))

    @override
    def send_account_already_exists_mail(self, email: str) -> None:
        request = allauth_context.request
        if isinstance(request, MailRequest):
            super().send_account_already_exists_mail(email)
        else:
            tasks.send_account_already_exists.start(email=email, visit=describe_visit(request))

    @override
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        request = allauth_context.request
        # Without this, django-allauth would use the host name of the request as the site's name.
        site = Site(name=settings.ENVIRONMENT.project_name, domain=settings.ENVIRONMENT.domain)
        context = {"request": request, "email": email, "current_site": site, **context}
        self.render_mail(template_prefix, email, context).send()
