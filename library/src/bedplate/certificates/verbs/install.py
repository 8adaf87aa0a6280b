"""`install`: serve a certificate that somebody brings."""

from datetime import datetime

from bedplate.certificates.configuration import Configuration
from bedplate.certificates.errors import WrongUseError
from bedplate.certificates.pem import check, put


def install(configuration: Configuration, content: bytes, *, now: datetime) -> str:
    """Return until when it is valid. Raise CertificateError, with nothing changed, if it cannot be this site's."""
    if not configuration.variables.https:
        raise WrongUseError("This environment has no HTTPS: it serves no certificate.")
    if not configuration.is_off:
        raise WrongUseError(
            f"It would be replaced: {configuration.directory} is asked for one twice a day. "
            "First set ACME_SERVER=off in .env, then: docker compose up --detach cron"
        )
    certificate = check(content, domain=configuration.domain, now=now)
    put(content, configuration.offered)
    return (
        f"Certificate of {configuration.domain}: nginx serves it within seconds. "
        f"Issued by {certificate.issuer}, valid until {certificate.expires:%Y-%m-%d}."
    )
