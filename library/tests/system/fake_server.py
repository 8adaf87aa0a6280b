"""Install a server on a machine with a fake docker."""

import subprocess
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import free_port
from fake_machine import FakeMachine

DOMAIN: Final = "www.example.com"
OPTIONS: Final = ("--domain", DOMAIN, "--admin-email", "you@example.com")
HASHES: Final = {"valkey_server_passwords", "cache_server_passwords"}
SECRETS: Final = {
    *("secret_key", "postgres_password", "postgres_server_password", "default_user_password"),
    *("backup_signing_key", "metrics_token", "valkey_url", "cache_url", *HASHES),
}
OPTIONAL: Final = {
    "prod": {"email_password", "google_credentials", "media_credentials", "sentry_dsn"},
    "dev": {"backup_age_identity", "google_credentials", "media_credentials", "sentry_dsn"},
}


def install(
    server: FakeMachine, environment: str = "prod", *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the install of a server, with a free port for HTTPS."""
    variables = {"HTTPS_PORT": str(free_port()), **variables}
    return server.install("--environment", environment, *OPTIONS, *options, **variables)


def installed(server: FakeMachine, environment: str = "prod") -> Path:
    """Return the folder of an installed server."""
    result = install(server, environment)
    assert result.returncode == 0, result.stderr
    return server.checkout
