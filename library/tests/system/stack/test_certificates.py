"""Certificates from certbot and an issuer: first, renewed, refused, broken. On DEV, for its mail catcher."""

import subprocess
from collections.abc import Iterator
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT
from bedplate.testing.compose import attempt, wait_until
from bedplate.testing.server import DOMAIN, EMAIL, Server
from cryptography import x509
from documents import commands_of

from stack.cron import Cron
from stack.issuer import ADDRESS, Issuer, issuing, offer, offered, wait_until_shown
from stack.traffic import Traffic

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["dev"], indirect=True, scope="session")]

HOW_TO: Final = ROOT / "library/docs/how-to/certificates.md"
RENEW: Final = ("python", "-m", "bedplate.certificates", "renew")
BEGIN: Final = "-----BEGIN CERTIFICATE-----"
TASK: Final = "renew_certificates"


@pytest.fixture(scope="module")
def issuer(server: Server) -> Iterator[Issuer]:
    """Return an issuer that resolves the server's name."""
    with issuing(server) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def traffic(server: Server, issuer: Issuer) -> Iterator[Traffic]:
    """Yield the load of clients that also trust the issuer."""
    traffic = Traffic(server, write_every=0)
    traffic.visitor.context.load_verify_locations(cadata=issuer.root)
    with traffic.running():
        yield traffic


@pytest.fixture
def served(traffic: Traffic) -> Iterator[None]:
    """Fail the test if a client was not served meanwhile."""
    before = traffic.requests
    yield
    wait_until(lambda: traffic.requests > before + 20, limit=30, what="clients send requests")
    assert not traffic.failures


@pytest.fixture(scope="module")
def certificate(server: Server, issuer: Issuer, traffic: Traffic) -> x509.Certificate:
    """Return the first certificate, as clients see it, which were served while it came."""
    assert f"Certificate of {DOMAIN} is new" in server.exec("cron", *RENEW)
    wait_until_shown(server, offered(server))
    return issuer.shown()


@pytest.fixture
def cron(server: Server) -> Cron:
    """Return the server's cron."""
    return Cron(server, admin=EMAIL)


def test_first_certificate_is_served(served: None, certificate: x509.Certificate) -> None:
    """The first certificate is validated over HTTP, served without a restart, and leads to the issuer's root."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [DOMAIN]


def test_certificate_and_key_are_for_nginx_alone(server: Server, certificate: x509.Certificate) -> None:
    """No other user may read the file with the key, and nginx cannot change it."""
    assert server.exec("nginx", "stat", "-c", "%a", f"/certificates/{DOMAIN}.pem").strip() == "600"
    result = attempt("docker", "compose", "exec", "nginx", "touch", "/certificates/x", directory=server.directory)
    assert "Read-only file system" in result.stderr


def test_renewal_by_cron(
    served: None, server: Server, issuer: Issuer, certificate: x509.Certificate, cron: Cron
) -> None:
    """Once it is due (here the issuer calls it back), cron gets the next one, nginx serves it, and none is due."""
    issuer.request_renewal(certificate)
    cron.make_due(TASK)
    assert f"Certificate of {DOMAIN} is new" in cron.wait_for(TASK, "succeeded").output
    second = offered(server)
    assert second != certificate
    wait_until_shown(server, second)
    assert "is not due for renewal" in server.exec("cron", *RENEW)
    assert issuer.shown() == second == offered(server)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere.example.com", "nowhere.example.com does not resolve"),
        ("closed.example.com", "cannot reach this machine on port 80 of closed.example.com"),
        ("elsewhere.example.com", "cannot reach this machine on port 80 of elsewhere.example.com"),
        ("forbidden.example.com", "issues no certificates for the name forbidden.example.com"),
    ],
)
def test_refusal_is_explained(
    server: Server, issuer: Issuer, certificate: x509.Certificate, name: str, why: str
) -> None:
    """A refused request gives the reason, and what to do; the site keeps its certificate."""
    issuer.set_address("closed.example.com", "valkey")
    issuer.set_address("elsewhere.example.com", "nginx")  # which closes connections for unknown names
    before = issuer.shown()
    result = renew_as(server, name)
    assert result.returncode == 1
    assert why in result.stderr.partition("Why: ")[2]
    assert "To do:  " in result.stderr
    assert "Traceback" not in result.stderr
    assert issuer.shown() == before


def renew_as(server: Server, domain: str) -> subprocess.CompletedProcess[str]:
    """Return the result of the request for another site's certificate."""
    command = ("docker", "compose", "run", "--rm", "--no-deps", "--no-TTY", "--env", f"DOMAIN={domain}", "cron", *RENEW)
    return attempt(*command, directory=server.directory)


def test_refusal_in_the_night_is_mailed(
    served: None, server: Server, issuer: Issuer, certificate: x509.Certificate, cron: Cron
) -> None:
    """A failed renewal is recorded with the reason, the admin has mail, and the site keeps its certificate."""
    before = issuer.shown()
    server.exec("cron", "rm", "-r", "/certificates/certbot")  # so that another one is requested
    issuer.remove_address(DOMAIN)
    try:
        cron.make_due(TASK)
        assert f"{DOMAIN} does not resolve" in cron.wait_for(TASK, "failed").output
        cron.wait_for_mail(f"Cron: {TASK}: Exited with 1.")
    finally:
        issuer.set_address(DOMAIN, "nginx")
    assert issuer.shown() == before


@pytest.mark.parametrize("content", ["no certificate\n", f"{BEGIN}\nMIIB\n", "unreadable\n"])
def test_broken_file_is_left_out(
    served: None, server: Server, issuer: Issuer, certificate: x509.Certificate, content: str
) -> None:
    """A file that nginx cannot serve changes nothing, prevents no start, and is reported."""
    before, said = issuer.shown(), refusals(server)
    offer(server, content, mode="000" if "unreadable" in content else "600")
    wait_until(lambda: refusals(server) > said, limit=30, what="nginx says that it cannot serve the file")
    assert issuer.shown() == before
    server.compose("run", "--rm", "--no-deps", "--no-TTY", "nginx", "nginx", "-t")  # as another container starts


def refusals(server: Server) -> int:
    """Return how often nginx has said that it cannot serve a file."""
    return server.compose("logs", "nginx").count(f"nginx cannot serve /certificates/{DOMAIN}.pem")


def test_how_to_is_right(server: Server, issuer: Issuer, traffic: Traffic, certificate: x509.Certificate) -> None:
    """Every command of the how-to page works as written; at its end the site serves the manually installed certificate.

    Except for the address of the staging issuer, which is not Let's Encrypt's here.
    """
    key, begin, rest = issuer.before.partition(BEGIN)
    (server.directory / "key.pem").write_text(key)
    (server.directory / "fullchain.pem").write_text(begin + rest)
    commands = commands_of(HOW_TO)
    assert len(commands) == 5
    for command in commands:
        here = command.replace("ACME_SERVER=staging", f"ACME_SERVER={ADDRESS}".replace("/", r"\/"))
        server.follow(here)
    wait_until_shown(server, x509.load_pem_x509_certificate((begin + rest).encode()))
