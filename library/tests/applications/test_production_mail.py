"""Mail of PROD, sent by a process that has PROD's own settings: the tests' settings never reach a mail server."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

from applications.smtp import SmtpServer, smtp_server

SEND: Final = """
import django; django.setup()
from django.core.mail import send_mail
send_mail("Your invoice", "It is attached.", None, ["erika@example.com"], using="transport")
"""


def send(server: SmtpServer, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Send a mail through this server in a process of PROD, and return the result."""
    own = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENVIRONMENT": "prod",
        "DEBUG": "false",
        "DATA_DIRECTORY": str(folder),
        "SECRET_KEY": "only-for-tests-only-for-tests-only",
        "POSTGRES_PASSWORD": "only-for-tests",
        "DEFAULT_FROM_EMAIL": "shop@example.com",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(server.port),
        "EMAIL_USER": "",
    }
    return subprocess.run(
        [sys.executable, "-c", SEND],
        cwd=settings.BASE_DIRECTORY,
        env=os.environ | own | variables,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_mail_goes_to_the_configured_server(tmp_path: Path) -> None:
    with smtp_server() as server:
        ended = send(server, tmp_path, EMAIL_USE_TLS="false")
        assert ended.returncode == 0, ended.stderr
        assert server.recipients == ["erika@example.com"]
        assert "From: shop@example.com" in server.mails[0]


@pytest.mark.parametrize("variables", [{}, {"EMAIL_USE_TLS": "true"}], ids=["by default", "as configured"])
def test_mail_is_not_sent_without_encryption(tmp_path: Path, variables: dict[str, str]) -> None:
    """The server offers no STARTTLS, as if an attacker in between had removed it."""
    with smtp_server() as server:
        ended = send(server, tmp_path, **variables)
        assert ended.returncode != 0
        assert "STARTTLS extension not supported by server" in ended.stderr
        assert (server.recipients, server.mails) == ([], [])
