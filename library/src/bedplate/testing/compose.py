"""One project's stack in Docker Compose: commands, HTTP requests, and queries of its containers."""

import http.client
import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from bedplate.testing.checkout import copy_checkout, free_port, unique_slug

POLL_INTERVAL: Final = 0.1
CTRL_C: Final = b"\x03"
# Prefixes of the variables that Compose would take from the environment instead of `.env`.
PROJECT_VARIABLES: Final = (
    *("COMPOSE_", "PROXY_", "HTTP_PORT", "HOST_", "DOMAIN", "ENVIRONMENT"),
    *("POSTGRES_", "DEFAULT_", "SECRET_KEY"),
    *("REGISTRY", "RELEASE", "NGINX_RELEASE", "HTTPS_PORT", "BIND_ADDRESS"),
)


def wait_until[Result](condition: Callable[[], Result], *, limit: float, what: str) -> Result:
    """Return the condition's first true result; fail after `limit` seconds without one.

    A refused or broken connection counts as false.
    """
    deadline = time.monotonic() + limit
    while True:
        try:
            result = condition()
            if result:
                return result
            seen = repr(result)
        except (OSError, http.client.HTTPException) as error:
            seen = repr(error)
        assert time.monotonic() < deadline, f"not within {limit} s: {what} (last: {seen})"
        time.sleep(POLL_INTERVAL)


def attempt(
    *command: str | Path, directory: Path | None = None, limit: float = 120, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command, and return its result with its output."""
    return subprocess.run(
        command,
        cwd=directory,
        env=clean_environment() | dict(variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=limit,
    )


def run(
    *command: str | Path, directory: Path | None = None, limit: float = 120, variables: Mapping[str, str] | None = None
) -> str:
    """Return the output of the command; fail with all its output if it fails."""
    result = attempt(*command, directory=directory, limit=limit, variables=variables)
    assert result.returncode == 0, f"{command} exited with {result.returncode}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def clean_environment() -> dict[str, str]:
    """Return the environment without the variables that Compose would prefer to a project's `.env`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PROJECT_VARIABLES)}


@dataclass(frozen=True)
class Answer:
    """The response to a request."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.text)


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> Answer:
    """Send a request to 127.0.0.1:`port`, without following redirects. A header is an option: `x_request_id="…"`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode(errors="replace"))
    finally:
        connection.close()


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The project in `directory`."""

    directory: Path
    project: str
    port: int

    @property
    def url(self) -> str:
        """The site's URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def network(self) -> str:
        """The name of the project's network."""
        return f"{self.project}_default"

    @property
    def dotenv(self) -> dict[str, str]:
        """The variables of `.env`."""
        lines = (self.directory / ".env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {key: value.strip("\"'") for key, _, value in pairs}

    def install(self) -> str:
        """Run ./install_docker.sh and return its output."""
        command = (self.directory / "install_docker.sh", "--yes", "--port", str(self.port))
        variables = {"COMPOSE_PROJECT_NAME": self.project}
        return run(*command, directory=self.directory, limit=900, variables=variables)

    def compose(self, *arguments: str, limit: float = 120) -> str:
        """Return the output of `docker compose …` in the project's folder."""
        return run("docker", "compose", *arguments, directory=self.directory, limit=limit)

    @contextmanager
    def terminal(self, *arguments: str) -> Iterator[Callable[[], str]]:
        """Run `docker compose …` on a terminal. Yield a function that returns its output; at the end press Ctrl-C."""
        command = shlex.join(["docker", "compose", *arguments])
        with (
            NamedTemporaryFile() as shown,
            subprocess.Popen(
                ["script", "--quiet", "--return", "--command", command, "/dev/null"],
                cwd=self.directory,
                env=clean_environment(),
                stdin=subprocess.PIPE,
                stdout=shown,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield lambda: Path(shown.name).read_text(errors="replace")
            finally:
                process.communicate(CTRL_C, timeout=60)

    def exec(self, service: str, *command: str, limit: float = 120) -> str:
        """Return the output of a command in the service's container."""
        return self.compose("exec", "--no-TTY", service, *command, limit=limit)

    def valkey_url(self, service: str) -> str:
        """Return the URL of `valkey` or `cache`, with the application's user and password."""
        return {"valkey": "redis://queue:local@valkey:6379", "cache": "redis://cache:local@cache:6379"}[service]

    def valkey(self, service: str, *command: str) -> str:
        """Return the answer of `valkey` or `cache` to a command, as the application's user in its database."""
        database = "0" if service == "valkey" else "1"
        login = ("-u", self.valkey_url(service), "--no-auth-warning", "-n", database)
        return self.exec(service, "valkey-cli", "-e", *login, *command)

    def manage(self, *arguments: str) -> str:
        """Return the output of `manage.py …` in the container of `web`."""
        return self.exec("web", "python", "manage.py", *arguments)

    def make_user(self, email: str, *, password: str) -> None:
        """Create a user who is not staff, with a verified address."""
        self.manage(
            "shell",
            "--no-imports",
            "--command",
            "from allauth.account.models import EmailAddress; from django.contrib.auth import get_user_model; "
            f"user = get_user_model().objects.create_user({email!r}, {password!r}); "
            "EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)",
        )

    def query(self, sql: str) -> str:
        """Return the result of a query, unaligned."""
        return self.exec("postgres", "psql", "--username=app", "--tuples-only", "--no-align", f"--command={sql}", "app")

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Return the site's response, through nginx (see `ask`)."""
        return ask(self.port, path, method=method, **headers)

    def status(self, path: str) -> int:
        """Return the status of the site's response, through nginx."""
        return self.get(path).status

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return the output of `docker inspect` for each running container, by service."""
        identifiers = self.compose("ps", "--quiet").split()
        inspected = json.loads(run("docker", "inspect", *identifiers))
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in inspected}

    def address(self, service: str) -> str:
        """Return the service's IP address."""
        return str(self.containers()[service]["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def wait_until_ready(self) -> None:
        """Wait until the site and every service behind it answer."""
        wait_until(lambda: self.status("/health/ready") == 200, limit=60, what="/health/ready answers 200")

    def restore(self) -> None:
        """Start stopped services, and wait until the site is ready again."""
        self.compose("up", "-d", "--wait")
        self.wait_until_ready()

    def remove(self) -> None:
        """Remove the containers, volumes, networks and images."""
        if (self.directory / ".env").exists():  # without it nothing was created, and Compose cannot read the project
            self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")
        names = ("--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.project}-*")
        if images := run("docker", "image", "ls", *names).split():
            run("docker", "image", "rm", "--force", *images)


@contextmanager
def installed(directory: Path) -> Iterator[Stack]:
    """Install a copy of this checkout there, with its own project name and port; remove all of it at the end."""
    stack = Stack(directory=copy_checkout(directory), project=unique_slug(), port=free_port())
    try:
        stack.install()
        yield stack
    finally:
        stack.remove()
