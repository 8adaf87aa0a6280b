"""Certbot: its command line, and running it. Certbot asks the issuer whether a certificate is due."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bedplate.certificates.configuration import Configuration
from bedplate.certificates.diagnosis import diagnose
from bedplate.certificates.errors import CertificateError


@dataclass(frozen=True)
class Issued:
    """The files that certbot keeps after the issuer has issued a certificate."""

    key: Path
    chain: Path
    """The site's certificate, then the intermediate certificates."""


def command(configuration: Configuration, *, force: bool) -> list[str]:
    """Return the command that requests a certificate if there is none, it is due (ACME ARI), or with `force`."""
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
    """Return the paths of the certificate that certbot keeps."""
    live = configuration.certbot / "live" / configuration.domain
    return Issued(key=live / "privkey.pem", chain=live / "fullchain.pem")


def request_certificate(configuration: Configuration, *, force: bool) -> str:
    """Run certbot and return its output. Raise CertificateError, with the reason, if it gets no certificate."""
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
        # Only the log has the names of errors. The log of an earlier run does not count.
        detail = log.read_text(errors="replace") if log.exists() and log.stat().st_mtime >= started else ""
        raise CertificateError(f"{result.stdout.strip()}\n\n{diagnose(result.stdout, detail, configuration)}")
    return result.stdout
