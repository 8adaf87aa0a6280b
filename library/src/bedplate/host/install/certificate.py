"""The first certificate of a server."""

import ipaddress
import re
import shutil

from bedplate.host import ROOT
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.diagnosis import diagnosis_lines
from bedplate.host.programs import attempt
from bedplate.host.steps import Steps

RENEWAL = re.compile(r"^[^#\n].*renew_certificates", re.MULTILINE)
PUBLIC_ISSUERS = ("", "letsencrypt", "staging")
SHARED = ipaddress.ip_network("100.64.0.0/10")  # of carriers (RFC 6598)


def has_certificates() -> bool:
    """Return whether this project requests certificates: not if its HTTPS is terminated in front of this machine."""
    crontab = ROOT / "cron/crontab"
    return crontab.exists() and RENEWAL.search(crontab.read_text(encoding="utf-8")) is not None


def is_requested(environment: Environment) -> bool:
    """Return whether the install requests a certificate."""
    return environment.is_server and has_certificates()


def request_certificate(steps: Steps) -> None:
    """Request a certificate. A failure does not stop the install: the site has a self-signed certificate."""
    domain = env_file.get("DOMAIN")
    if env_file.get("ACME_SERVER") in PUBLIC_ISSUERS and not is_public(domain):
        steps.say(
            *diagnosis_lines(
                f"no certificate was requested: {domain} does not resolve to a public address yet.",
                "Let its A record in the DNS point to this machine, then: ./bedplate certificates renew",
                "Or wait: it is requested twice a day. More: library/docs/how-to/certificates.md",
            )
        )
        return
    steps.run(compose("exec", "--no-TTY", "cron", "python", "-m", "bedplate.certificates", "renew"), check=False)


def is_public(domain: str) -> bool:
    """Return whether the name resolves to a public address."""
    if not shutil.which("getent"):
        return False
    lines = attempt(["getent", "ahostsv4", domain]).stdout.splitlines()
    return any(is_public_address(line.split()[0]) for line in lines if line.strip())


def is_public_address(text: str) -> bool:
    """Return whether it is an address outside of private networks (RFC 6890)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    private = address.is_loopback or address.is_link_local or address in SHARED
    return not private and not any(address in network for network in PRIVATE)


PRIVATE = [ipaddress.ip_network(text) for text in ("0.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def summary(environment: Environment, steps: Steps) -> str:
    """Return the description of the certificate that visitors get, or the reason why there is none."""
    if not is_requested(environment):
        return "  Its certificate is self-signed: the proxy in front of this machine has another one."
    said = steps.log_of_last_step().strip("\n")
    if said.startswith("Certificate of ") or "and is not renewed" in said:
        return f"  {said}"
    if "ACME_SERVER is off, and no certificate" in said:
        return (
            "  Its certificate is self-signed, and no other is requested: ACME_SERVER is off. Browsers warn.\n"
            "  To install your own: library/docs/how-to/certificates.md"
        )
    reason = said[said.index("Why: ") :] if "Why: " in said else ""
    lines = ["  Its certificate is self-signed until a real one arrives: browsers warn.", *reason.splitlines()]
    return "\n".join([lines[0], *(f"    {line}" for line in lines[1:])])
