"""The machine's proxy, under names and ports of the tests' own, and small projects behind it."""

import http.client
import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.checkout import ROOT, free_port, unique_slug
from bedplate.testing.compose import Stack, attempt, run
from documents import commands_of

TEMPLATE: Final = Path(__file__).parent / "proxied"
PROXY_PASS: Final = ROOT / "library/host/proxy_pass"
HOW_TO: Final = ROOT / "library/docs/how-to/local-names.md"
LIMIT: Final = 10  # seconds that an answer may take


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that `./bedplate proxy` of this checkout installed."""

    home: Path
    name: str
    port: int
    https_port: int

    @property
    def network(self) -> str:
        """The network that projects join."""
        return f"{self.name}-network"

    @property
    def variables(self) -> dict[str, str]:
        """Variables that make `./bedplate proxy` act on this proxy, and no other."""
        return {
            "PROXY_PROJECT": self.name,
            "PROXY_NETWORK": self.network,
            "PROXY_HOME": str(self.home),
            "PROXY_HOSTS_FILE": str(self.home / "hosts"),
        }

    def attempt(self, *arguments: str) -> tuple[int, str]:
        """Return the exit status of `./bedplate proxy`, and its output."""
        result = attempt(ROOT / "bedplate", "proxy", *arguments, variables=self.variables, limit=300)
        return result.returncode, result.stdout + result.stderr

    def command(self, *arguments: str) -> str:
        """Return the output of `./bedplate proxy`; fail unless it succeeds."""
        status, said = self.attempt(*arguments)
        assert status == 0, f"{arguments}: {said}"
        return said

    def workers(self) -> set[str]:
        """Return the process ids of nginx's workers, including those that are shutting down."""
        processes = run("docker", "top", f"{self.name}-proxy-1", "-eo", "pid,args").splitlines()
        return {process.split()[0] for process in processes if "nginx: worker process" in process}

    def ask(self, host: str, path: str = "/", **headers: str) -> tuple[int, str]:
        """Return status and text of the answer to this host name."""
        return answer(http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT), host, path, headers)

    def ask_securely(self, host: str, path: str = "/", **headers: str) -> tuple[int, str]:
        """Return the same over HTTPS, with the proxy's own authority as the only trusted one."""
        context = ssl.create_default_context(cafile=self.home / "authority/authority.pem")
        with socket.create_connection(("127.0.0.1", self.https_port), LIMIT) as plain:
            connection = http.client.HTTPConnection(host, timeout=LIMIT)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
            return answer(connection, f"{host}:{self.https_port}", path, headers)

    def send(self, request: bytes) -> bytes:
        """Return the answer to exactly these bytes, until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def send_head(self, head: str) -> bytes:
        """Return the answer to a request with this head."""
        return self.send(f"{head}\r\nConnection: close\r\n\r\n".encode())

    def remove(self) -> None:
        """Remove all that belongs to it."""
        compose = ("docker", "compose", f"--project-name={self.name}", f"--file={PROXY_PASS}/docker-compose.yml")
        run(*compose, "down", "--volumes", "--rmi=local", "--timeout=2", variables=self.variables)
        run("docker", "image", "rm", "--force", f"{self.name}:local")


def answer(connection: http.client.HTTPConnection, host: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Return status and text of the answer."""
    try:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Host": host, **fields})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@dataclass(frozen=True, kw_only=True)
class Project:
    """A small project that answers with its name."""

    directory: Path
    name: str

    def compose(self, *arguments: str) -> str:
        """Return the output of `docker compose …` in the project's folder."""
        return run("docker", "compose", *arguments, directory=self.directory)


@contextmanager
def project(directory: Path, *, proxy: Proxy, stack: Stack) -> Iterator[Project]:
    """Run a project with this stack's nginx, joined to the proxy; remove all of it at the end."""
    shutil.copytree(TEMPLATE, directory)
    running = Project(directory=directory, name=unique_slug())
    variables = {
        "COMPOSE_PROJECT_NAME": running.name,
        "DOMAIN": f"{running.name}.local",
        "HTTP_PORT": str(free_port()),
        "PROXY_NETWORK": proxy.network,
        "PROXY_PASS": "true",
        "CHECKOUT": str(stack.directory),
        "NGINX_IMAGE": f"{stack.project}-nginx:local",
    }
    (directory / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    try:
        running.compose("up", "--detach", "--wait", "--no-build")
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout=1")


@contextmanager
def installed_proxy(home: Path) -> Iterator[Proxy]:
    """Install a proxy with HTTPS; remove all of it at the end."""
    home.mkdir()
    (home / "hosts").write_text("127.0.0.1 localhost\n")
    proxy = Proxy(home=home, name=f"{unique_slug()}-proxy", port=free_port(), https_port=free_port())
    ports = ("--port", str(proxy.port), "--https-port", str(proxy.https_port))
    try:
        proxy.command("install", "--https", *ports)
        yield proxy
        run("bash", "-ec", commands_of(HOW_TO, section="Remove it")[1], directory=ROOT, variables=proxy.variables)
        assert proxy.network not in run("docker", "network", "ls", "--format", "{{.Name}}").split()
    finally:
        proxy.remove()


def join(stack: Stack, network: str) -> str:
    """Run the stack's install again, with this name of the proxy's network; return its output."""
    command = (stack.directory / "install_docker.sh", "--yes")
    return run(*command, directory=stack.directory, limit=300, variables={"PROXY_NETWORK": network})


def leave(stack: Stack) -> None:
    """Let the stack leave the proxy, as the how-to page says."""
    run("bash", "-ec", commands_of(HOW_TO, section="Remove it")[0], directory=stack.directory, limit=300)


def networks(stack: Stack) -> set[str]:
    """Return the networks of nginx; the other services must be on the project's own alone, the verifier on none."""
    found = {name: set(container["NetworkSettings"]["Networks"]) for name, container in stack.containers().items()}
    of_nginx = found.pop("nginx")
    assert found.pop("verifier") == {"none"}
    assert set().union(*found.values()) == {stack.network}
    return of_nginx


def said_by(text: str) -> str:
    """Return the project whose program gave this answer; empty if none did."""
    try:
        return str(json.loads(text)["project"])
    except (ValueError, KeyError):
        return ""
