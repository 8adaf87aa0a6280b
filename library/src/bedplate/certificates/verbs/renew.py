"""`renew`: get the certificate, the first or the next, and give it to nginx."""

from datetime import datetime, timedelta
from typing import Final

from bedplate.certificates import certbot
from bedplate.certificates.configuration import Configuration
from bedplate.certificates.errors import CertificateError
from bedplate.certificates.explanations import HOW_TO
from bedplate.certificates.pem import check, join, put, read

# Of a certificate that is brought by hand: for so long the alarm is raised, twice a day.
NOTICE: Final = timedelta(days=14)


def renew(configuration: Configuration, *, force: bool, now: datetime) -> str:
    """Return what became of the certificate. Raise CertificateError if there is none, or soon will be none."""
    if not configuration.variables.https:
        return "This environment has no HTTPS: it needs no certificate."
    if configuration.is_off:
        return _watch(configuration, now=now)
    certbot.ask(configuration, force=force)
    issued = certbot.issued(configuration)
    content = join([issued.key, issued.chain])
    certificate = check(content, domain=configuration.domain, now=now)
    what = "is new: nginx serves it within seconds" if put(content, configuration.offered) else "is not due for renewal"
    return (
        f"Certificate of {configuration.domain} {what}. "
        f"Issued by {certificate.issuer}, valid until {certificate.expires:%Y-%m-%d}."
    )


def _watch(configuration: Configuration, *, now: datetime) -> str:
    """Return until when the certificate that was brought by hand is valid. Raise CertificateError if that is soon."""
    if not configuration.offered.exists():
        return f"ACME_SERVER is off, and no certificate was brought: the site's own is self-signed. {HOW_TO}"
    certificate = read(configuration.offered.read_bytes())
    until = f"valid until {certificate.expires:%Y-%m-%d}"
    if certificate.expires - now < NOTICE:
        raise CertificateError(
            f"The certificate of {configuration.domain} is {until}, and nobody renews it: ACME_SERVER is off.\n"
            f"To do:  Bring the next one, or let it be issued: {HOW_TO}"
        )
    return f"Certificate of {configuration.domain}, brought by hand, is {until}."
