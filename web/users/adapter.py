"""What this site asks of django-allauth."""

from dataclasses import dataclass
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Site:
    """The site as mails name it."""

    name: str
    domain: str


class AccountAdapter(DefaultAccountAdapter):
    """django-allauth's behaviour, with sign-up closed unless ALLOW_SIGNUP opens it, and mails in the project's name."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 (allauth's signature)
        """Return whether people may make an account for themselves."""
        return bool(settings.ENVIRONMENT.allow_signup)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail. Without this, it would call the site by the host name of the request."""
        site = Site(name=settings.ENVIRONMENT.project_name, domain=settings.ENVIRONMENT.domain)
        super().send_mail(template_prefix, email, {"current_site": site, **context})
