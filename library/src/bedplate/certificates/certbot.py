"""Certbot: how it is called, and calling it. Whether a certificate is due, certbot knows: it asks the issuer."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bedplate.certificates.configuration import Configuration
from bedplate.certificates.errors import CertificateError
from bedplate.certificates.explanations import explain


@dataclass(frozen=True)
class Issued:
    """What certbot has of the issuer."""

    key: Path
    chain: Path
    """The site's certificate, and those that lead to one that browsers know."""


def command(configuration: Configuration, *, force: bool) -> list[str]:
    """Return the call that gets a certificate if there is none, or it is due (ACME Renewal Information), or `force`."""
    folder = configuration.certbot
    email = ["--email", configuration.email] if configuration.email else ["--register-unsafely-without-email"]
    return [
        "certbot",
        "certonly",
        "--non-interactive",
        "--agree-tos",
        "--no-eff-email",
        *email,
        f"--server={configuration.directory}",
        "--webroot",
        f"--webroot-path={configuration.challenges}",
        f"--cert-name={configuration.domain}",
        f"--domain={configuration.domain}",
        "--key-type=ecdsa",
        "--force-renewal" if force else "--keep-until-expiring",
        f"--config-dir={folder}",
        f"--work-dir={folder / 'work'}",
        f"--logs-dir={configuration.log.parent}",
        "--max-log-backups=20",
    ]


def issued(configuration: Configuration) -> Issued:
    """Return where certbot keeps what it got."""
    live = configuration.certbot / "live" / configuration.domain
    return Issued(key=live / "privkey.pem", chain=live / "fullchain.pem")


def ask(configuration: Configuration, *, force: bool) -> str:
    """Return what certbot says when all is well. Raise CertificateError, with the reason, if it gets no certificate."""
    started = time.time()
    result = subprocess.run(
        command(configuration, force=force),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        log = configuration.log
        # The names of errors are in the log alone. One from an earlier run tells nothing of this one.
        detail = log.read_text(errors="replace") if log.exists() and log.stat().st_mtime >= started else ""
        raise CertificateError(f"{result.stdout.strip()}\n\n{explain(result.stdout, detail, configuration)}")
    return result.stdout
