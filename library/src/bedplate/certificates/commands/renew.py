"""`renew`: request the first or the next certificate, and give it to nginx."""

from datetime import datetime, timedelta
from typing import Final

from bedplate.certificates import certbot
from bedplate.certificates.configuration import Configuration
from bedplate.certificates.diagnosis import HOW_TO
from bedplate.certificates.errors import CertificateError
from bedplate.certificates.pem import check, join, read, write_atomically

# A certificate that was installed by hand: the command fails, twice a day, for this long before it expires.
WARNING_PERIOD: Final = timedelta(days=14)


def renew(configuration: Configuration, *, force: bool, now: datetime) -> str:
    """Return a message about the certificate. Raise CertificateError if there is none, or it expires soon."""
    if not configuration.variables.https:
        return "This environment has no HTTPS: it needs no certificate."
    if configuration.is_off:
        return _check_installed(configuration, now=now)
    certbot.request_certificate(configuration, force=force)
    issued = certbot.issued(configuration)
    content = join([issued.key, issued.chain])
    certificate = check(content, domain=configuration.domain, now=now)
    is_new = write_atomically(content, configuration.offered)
    state = "is new: nginx serves it within seconds" if is_new else "is not due for renewal"
    return (
        f"Certificate of {configuration.domain} {state}. "
        f"Issued by {certificate.issuer}, valid until {certificate.expires:%Y-%m-%d}."
    )


def _check_installed(configuration: Configuration, *, now: datetime) -> str:
    """Return a message about the certificate that was installed by hand. Raise CertificateError if it expires soon."""
    if not configuration.offered.exists():
        return f"ACME_SERVER is off, and no certificate was installed: the site's own is self-signed. {HOW_TO}"
    certificate = read(configuration.offered.read_bytes())
    until = f"valid until {certificate.expires:%Y-%m-%d}"
    if certificate.expires - now < WARNING_PERIOD:
        raise CertificateError(
            f"The certificate of {configuration.domain} is {until}, and is not renewed: ACME_SERVER is off.\n"
            f"To do:  Install the next one, or set ACME_SERVER: {HOW_TO}"
        )
    return f"Certificate of {configuration.domain}, installed by hand, is {until}."
