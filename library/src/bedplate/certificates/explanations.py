"""Why there is no certificate and what to do, from certbot's words and its log."""

import re
from dataclasses import dataclass
from typing import Final

from bedplate.certificates.configuration import Configuration

HOW_TO: Final = "library/docs/how-to/certificates.md"


@dataclass(frozen=True)
class Explanation:
    """What some words mean. `{domain}` and `{server}` stand for the site and the issuer."""

    words: str
    """A regular expression."""
    why: str
    remedy: str


# The first that fits counts. Errors of ACME have names: https://www.rfc-editor.org/rfc/rfc8555#section-6.7
EXPLANATIONS: Final = (
    Explanation(
        r"Another instance of Certbot is already running",
        "another request is under way.",
        "Wait a minute, then ask again.",
    ),
    Explanation(
        r"acme:error:rateLimited",
        "{server} has had too many requests from here, or for {domain}.",
        "Wait for as long as it says above (a week at most). To try things out, set ACME_SERVER=staging in .env.",
    ),
    Explanation(
        r"acme:error:(rejectedIdentifier|unsupportedIdentifier)",
        "{server} issues no certificates for the name {domain}.",
        "Correct DOMAIN in .env. If it is right: another issuer (ACME_SERVER), or a certificate brought by hand.",
    ),
    Explanation(
        r"acme:error:caa",
        "a CAA record in the DNS of {domain} forbids {server} to issue a certificate.",
        "Add a CAA record that allows it (for Let's Encrypt: letsencrypt.org), or remove those there are.",
    ),
    Explanation(
        r"acme:error:(dns|dnssec|unknownHost)|no such host|could not resolve URL|server misbehaving",
        "{domain} does not resolve: {server} found no address for it.",
        "Let its A record in the DNS point to this machine, and remove an AAAA record: the site answers on IPv4.",
    ),
    Explanation(
        r"acme:error:(connection|tls)",
        "{server} does not reach this machine on port 80 of {domain}.",
        "Does the A record point here, without an AAAA record? Is port 80 open in every firewall, and HTTP_PORT=80?",
    ),
    Explanation(
        r"acme:error:(unauthorized|incorrectResponse)",
        "somebody else answers on port 80 of {domain}: another machine, or a proxy in front of this one.",
        "Let its A record point to this machine, and a proxy pass /.well-known/acme-challenge/ on to it.",
    ),
    Explanation(
        r"acme:error:(invalidContact|unsupportedContact|invalidEmail)|unable to parse email",
        "{server} does not accept the e-mail address.",
        "Correct ACME_EMAIL in .env, or ADMIN_EMAIL if that is empty.",
    ),
    Explanation(
        r"acme:error:externalAccountRequired",
        "{server} wants to know you from elsewhere (external account binding), which is not supported here.",
        "Choose another issuer (ACME_SERVER), or bring the certificate by hand.",
    ),
    Explanation(
        r"requests\.exceptions\.SSLError|CERTIFICATE_VERIFY_FAILED",
        "the address {server} has a certificate that is not known here.",
        "Correct ACME_SERVER in .env. For an issuer of your own, REQUESTS_CA_BUNDLE names the file with its root.",
    ),
    Explanation(
        r"requests\.exceptions\.|urllib3\.exceptions\.|NewConnectionError|acme:error:serverInternal",
        "{server} does not answer.",
        "Can this machine open connections to port 443? Is the issuer down? It is asked again twice a day.",
    ),
    Explanation(
        r"(archive|live) directory exists for",
        "certbot was killed while it stored an earlier certificate, and its folder is incomplete.",
        "Remove it, and ask again: docker compose exec cron rm -r /certificates/certbot",
    ),
    Explanation(
        r"No space left on device",
        "the disk is full.",
        "Make room. What Docker uses: docker system df",
    ),
)
UNKNOWN: Final = Explanation("", "see certbot's words above.", "More is in certbot's log, which it names.")


def explain(output: str, log: str, configuration: Configuration) -> str:
    """Return the reason of a failure, and what to do about it, in two or three lines."""
    said = f"{output}\n{log}"
    found = next((each for each in EXPLANATIONS if re.search(each.words, said, re.IGNORECASE)), UNKNOWN)
    server = configuration.directory.partition("://")[2].partition("/")[0]
    why = found.why.format(domain=configuration.domain, server=server)
    return f"Why:    {why}\nTo do:  {found.remedy}\n        More: {HOW_TO}"
