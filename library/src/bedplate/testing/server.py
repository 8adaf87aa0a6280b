"""DEV or PROD as on a server: images and secrets, HTTPS through nginx, on ports of this machine."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, override

from bedplate.testing import visitor
from bedplate.testing.checkout import copy_checkout, free_port, unique_slug
from bedplate.testing.compose import Answer, Stack, ask, run
from bedplate.testing.visitor import Visitor

DOMAIN: Final = "www.example.com"
EMAIL: Final = "you@example.com"


@dataclass(frozen=True, kw_only=True)
class Server(Stack):
    """A server; `port` is the HTTP port."""

    environment: Literal["dev", "prod"]
    https_port: int

    @property
    @override
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def host(self) -> str:
        """The site's host name, with its HTTPS port on this machine."""
        return f"{DOMAIN}:{self.https_port}"

    @override
    def install(self) -> str:
        """Run ./install_docker.sh for this environment and these ports, and return its output."""
        site = ("--environment", self.environment, "--domain", DOMAIN, "--admin-email", EMAIL)
        variables = {
            "COMPOSE_PROJECT_NAME": self.project,
            "BIND_ADDRESS": "127.0.0.1",
            "HTTP_PORT": str(self.port),
            "HTTPS_PORT": str(self.https_port),
            "ACME_SERVER": "off",  # the domain is not ours
        }
        command = (self.directory / "install_docker.sh", *site)
        return run(*command, directory=self.directory, limit=900, variables=variables)

    def follow(self, commands: str) -> None:
        """Run the commands of a page unchanged. Without a terminal there are no prompts."""
        run("bash", "-ec", commands, directory=self.directory, limit=300)

    def secret(self, name: str) -> str:
        """Return the content of a secret file."""
        return (self.directory / "secrets" / name).read_text()

    @override
    def valkey_url(self, service: str) -> str:
        return self.secret(f"{service}_url").strip()

    @cached_property
    def certificate(self) -> str:
        """The certificate that nginx serves."""
        return self.exec("nginx", "openssl", "x509", "-in", f"/state/{DOMAIN}.pem")

    @cached_property
    def authorization(self) -> str:
        """The Authorization header for DEV's HTTP basic auth; empty for PROD, which has none."""
        if self.environment == "prod":
            return ""
        credentials = self.secret("dev_password").strip().replace("{PLAIN}", "")
        return f"Basic {base64.b64encode(credentials.encode()).decode()}"

    def visitor(self, *, authorized: bool = True) -> Visitor:
        """Return a new client, with the credentials for DEV's HTTP basic auth if `authorized`."""
        return Visitor(
            ("127.0.0.1", self.https_port),
            host=self.host,
            certificate=self.certificate,
            authorization=self.authorization if authorized else "",
        )

    def visit_from(self, service: str, *act: str) -> str:
        """Return the output of a visitor in this service's container, which has another IP address."""
        program = Path(visitor.__file__).read_text()
        return self.exec(service, "python", "-c", program, DOMAIN, self.certificate, self.authorization, *act)

    @override
    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        return Answer(*self.visitor().ask(path, method=method, **headers))

    def get_over_http(self, path: str, *, host: str = DOMAIN) -> Answer:
        """Return the response over HTTP."""
        return ask(self.port, path, Host=host)


@contextmanager
def running(
    environment: Literal["dev", "prod"], directory: Path, *, fetch: Callable[[Path], Path] = copy_checkout
) -> Iterator[Server]:
    """Set up a server in this new folder, with the project from `fetch`; remove all of it at the end."""
    server = Server(
        directory=fetch(directory),
        project=unique_slug(),
        port=free_port(),
        https_port=free_port(),
        environment=environment,
    )
    try:
        server.install()
        yield server
    finally:
        server.remove()
