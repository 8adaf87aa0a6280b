"""`install`: serve a certificate that was issued elsewhere."""

from datetime import datetime

from bedplate.certificates.configuration import Configuration
from bedplate.certificates.errors import UsageError
from bedplate.certificates.pem import check, write_atomically


def install(configuration: Configuration, content: bytes, *, now: datetime) -> str:
    """Install the certificate; return a message with its expiry date. Raise CertificateError if it is invalid."""
    if not configuration.variables.https:
        raise UsageError("This environment has no HTTPS: it serves no certificate.")
    if not configuration.is_off:
        raise UsageError(
            f"It would be replaced: {configuration.directory} is asked for a certificate twice a day. "
            "First set ACME_SERVER=off in .env, then: docker compose up --detach cron"
        )
    certificate = check(content, domain=configuration.domain, now=now)
    write_atomically(content, configuration.offered)
    return (
        f"Certificate of {configuration.domain}: nginx serves it within seconds. "
        f"Issued by {certificate.issuer}, valid until {certificate.expires:%Y-%m-%d}."
    )
