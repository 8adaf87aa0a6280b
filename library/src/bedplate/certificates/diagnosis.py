"""The cause of a failure and what to do, from certbot's output and its log."""

import re
from dataclasses import dataclass
from typing import Final

from bedplate.certificates.configuration import Configuration

HOW_TO: Final = "library/docs/how-to/certificates.md"


@dataclass(frozen=True)
class Diagnosis:
    """The meaning of a message of certbot. `{domain}` and `{server}` stand for the site and the issuer."""

    pattern: str
    """A regular expression."""
    cause: str
    remedy: str


# The first match counts. The names of ACME's errors: https://www.rfc-editor.org/rfc/rfc8555#section-6.7
DIAGNOSES: Final = (
    Diagnosis(
        r"Another instance of Certbot is already running",
        "another request is running.",
        "Wait a minute, then try again.",
    ),
    Diagnosis(
        r"acme:error:rateLimited",
        "{server} has received too many requests from here, or for {domain}.",
        "Wait for as long as it says above (a week at most). For tests, set ACME_SERVER=staging in .env.",
    ),
    Diagnosis(
        r"acme:error:(rejectedIdentifier|unsupportedIdentifier)",
        "{server} issues no certificates for the name {domain}.",
        "Correct DOMAIN in .env. If it is right: use another issuer (ACME_SERVER), or install a certificate by hand.",
    ),
    Diagnosis(
        r"acme:error:caa",
        "a CAA record in the DNS of {domain} forbids {server} to issue a certificate.",
        "Add a CAA record that allows it (for Let's Encrypt: letsencrypt.org), or remove the existing ones.",
    ),
    Diagnosis(
        r"acme:error:(dns|dnssec|unknownHost)|no such host|could not resolve URL|server misbehaving",
        "{domain} does not resolve: {server} found no address for it.",
        "Point its A record in the DNS to this machine, and remove an AAAA record: the site answers on IPv4.",
    ),
    Diagnosis(
        r"acme:error:(connection|tls)",
        "{server} cannot reach this machine on port 80 of {domain}.",
        "Does the A record point here, without an AAAA record? Is port 80 open in every firewall, and HTTP_PORT=80?",
    ),
    Diagnosis(
        r"acme:error:(unauthorized|incorrectResponse)",
        "another server answers on port 80 of {domain}: another machine, or a proxy in front of this one.",
        "Point its A record to this machine. A proxy must pass /.well-known/acme-challenge/ on to it.",
    ),
    Diagnosis(
        r"acme:error:(invalidContact|unsupportedContact|invalidEmail)|unable to parse email",
        "{server} does not accept the e-mail address.",
        "Correct ACME_EMAIL in .env, or ADMIN_EMAIL if that is empty.",
    ),
    Diagnosis(
        r"acme:error:externalAccountRequired",
        "{server} requires an account (external account binding), which is not supported here.",
        "Use another issuer (ACME_SERVER), or install a certificate by hand.",
    ),
    Diagnosis(
        r"requests\.exceptions\.SSLError|CERTIFICATE_VERIFY_FAILED",
        "{server} has a certificate that this machine does not trust.",
        "Correct ACME_SERVER in .env. For a private issuer, REQUESTS_CA_BUNDLE names its root certificate.",
    ),
    Diagnosis(
        r"requests\.exceptions\.|urllib3\.exceptions\.|NewConnectionError|acme:error:serverInternal",
        "{server} does not answer.",
        "Can this machine open connections to port 443? Is the issuer down? The next attempts follow, twice a day.",
    ),
    Diagnosis(
        r"(archive|live) directory exists for",
        "certbot was killed while it stored an earlier certificate, and its folder is incomplete.",
        "Remove it, then try again: docker compose exec cron rm -r /certificates/certbot",
    ),
    Diagnosis(
        r"No space left on device",
        "the disk is full.",
        "Free some space. Space that Docker uses: docker system df",
    ),
)
UNKNOWN: Final = Diagnosis("", "see certbot's output above.", "Read certbot's log, which the output names.")


def diagnose(output: str, log: str, configuration: Configuration) -> str:
    """Return the cause of a failure, and what to do, in two or three lines."""
    messages = f"{output}\n{log}"
    found = next((each for each in DIAGNOSES if re.search(each.pattern, messages, re.IGNORECASE)), UNKNOWN)
    server = configuration.directory.partition("://")[2].partition("/")[0]
    cause = found.cause.format(domain=configuration.domain, server=server)
    return f"Why:    {cause}\nTo do:  {found.remedy}\n        More: {HOW_TO}"
