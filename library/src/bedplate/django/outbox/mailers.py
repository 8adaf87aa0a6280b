"""The mailers: `default` writes to the outbox, `transport` sends."""

from pathlib import Path
from typing import Any, Final

from django.core.mail import mailers

from bedplate.environment import Environment

TRANSPORT: Final = "transport"
TIMEOUT: Final = 10  # seconds, for each answer of the server


def transport(environment: Environment, *, caught_in: Path) -> dict[str, Any]:
    """Return the mailer that sends, for Django's MAILERS: to the SMTP server, or to the mail catcher's folder."""
    if environment.catches_mail:
        return {"BACKEND": "bedplate.django.caught_mail.backend.EmailBackend", "OPTIONS": {"file_path": caught_in}}
    return {
        "BACKEND": "bedplate.django.outbox.smtp.EmailBackend",
        "OPTIONS": {
            "host": environment.email_host,
            "port": environment.email_port,
            "username": environment.email_user,
            "password": environment.email_password.get_secret_value(),
            "use_tls": environment.email_use_tls,
            "timeout": TIMEOUT,
        },
    }


def transport_alias() -> str:
    """Return the name of the mailer that sends. Without one of its own, as in an older project, `default` sends."""
    return TRANSPORT if TRANSPORT in mailers else "default"
