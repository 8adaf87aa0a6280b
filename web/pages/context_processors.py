"""The context of all templates."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 (Django's signature)
    """Return the project's name, environment and options for templates."""
    environment = settings.ENVIRONMENT
    return {
        "PROJECT_NAME": environment.project_name,
        "ENVIRONMENT": environment.environment,
        "FRONTEND": settings.FRONTEND,
        "MAIL_IS_CAUGHT": environment.catches_mail,
        "SIGNUP_IS_OPEN": environment.allow_signup,
        "FLOWER": None if environment.embedded else "/flower/",
    }
