"""A certificate issuer beside a server (acme/): the names that it resolves, its announcements, its certificates."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.request import urlopen

from bedplate.testing.compose import run, wait_until
from bedplate.testing.server import DOMAIN, Server
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

COMPOSE_FILE: Final = "library/tests/system/stack/acme/compose.yml"
ADDRESS: Final = "https://issuer:14000/dir"
NAMES, MANAGEMENT = 8055, 15000
LONG_AGO: Final = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}


@dataclass(frozen=True)
class Issuer:
    """The issuer beside a server."""

    server: Server
    before: str
    """The server's previous key and certificate."""

    @cached_property
    def root(self) -> str:
        """The root certificate."""
        return self._ask(MANAGEMENT, "/roots/0")

    def set_address(self, name: str, service: str) -> None:
        """Make a name resolve to a service's container, for the issuer."""
        self._ask(NAMES, "/add-a", host=name, addresses=[self.server.address(service)])

    def remove_address(self, name: str) -> None:
        """Make a name resolve to nothing."""
        self._ask(NAMES, "/clear-a", host=name)

    def request_renewal(self, certificate: x509.Certificate) -> None:
        """Announce that a certificate is to be renewed at once, as issuers do before they revoke many."""
        pem = certificate.public_bytes(Encoding.PEM).decode()
        announced = json.dumps({"suggestedWindow": LONG_AGO})
        self._ask(MANAGEMENT, "/set-renewal-info/", certificate=pem, ariResponse=announced)

    def shown(self) -> x509.Certificate:
        """Return the certificate that the site shows. Raise SSLError unless it leads to the issuer's root."""
        return shown(self.server, ssl.create_default_context(cadata=self.root))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.server.exec("issuer", "cat", "/issuer/certificate.pem"))

    def _ask(self, port: int, path: str, **what: Any) -> str:
        published = self.server.compose("port", "issuer", str(port)).strip()
        scheme, context = ("http", None) if port == NAMES else ("https", self._context)
        data = json.dumps(what).encode() if what else None
        with urlopen(f"{scheme}://{published}{path}", data=data, context=context, timeout=10) as answer:
            return str(answer.read().decode())


def shown(server: Server, context: ssl.SSLContext | None = None) -> x509.Certificate:
    """Return the certificate that the site shows to a new client, verified if the context does so."""
    if context is None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.https_port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=DOMAIN) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def offered(server: Server) -> x509.Certificate:
    """Return the certificate that nginx is to serve."""
    return x509.load_pem_x509_certificate(server.exec("cron", "cat", f"/certificates/{DOMAIN}.pem").encode())


def wait_until_shown(server: Server, certificate: x509.Certificate) -> None:
    """Return when all new clients see this certificate: a previous process of nginx may still accept some."""
    wait_until(
        lambda: all(shown(server) == certificate for _ in range(5)), limit=30, what="nginx serves the new certificate"
    )


@contextmanager
def issuing(server: Server) -> Iterator[Issuer]:
    """Give the server an issuer that resolves its name; at the end the server has its previous certificate."""
    dotenv = server.directory / ".env"
    text, before = dotenv.read_text(), server.exec("nginx", "cat", f"/state/{DOMAIN}.pem")
    issuer = Issuer(server, before)
    try:
        dotenv.write_text(
            text.replace("ACME_SERVER=off", f"ACME_SERVER={ADDRESS}").replace(
                f"COMPOSE_FILE={server.environment}.yml", f"COMPOSE_FILE={server.environment}.yml:{COMPOSE_FILE}"
            )
        )
        server.compose("build", "issuer", limit=300)
        server.compose("up", "--detach", "--wait", "issuer", "cron")
        issuer.set_address(DOMAIN, "nginx")
        yield issuer
    finally:
        offer(server, before)
        wait_until_shown(server, x509.load_pem_x509_certificate(before.encode()))
        server.compose("rm", "--stop", "--force", "issuer")
        dotenv.write_text(text)
        server.restore()
        run("docker", "volume", "rm", "--force", f"{server.project}_issuer")


def offer(server: Server, content: str, *, mode: str = "600") -> None:
    """Put a file, valid or not, where nginx looks for the certificate."""
    place = f"/certificates/{DOMAIN}.pem"
    server.exec("cron", "sh", "-c", 'rm -f "$2"; printf %s "$1" >"$2"; chmod "$3" "$2"', "sh", content, place, mode)
