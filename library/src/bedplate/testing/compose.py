"""One project's stack in Docker Compose: run its commands, ask its pages, look into its containers."""

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
# How the variables begin that Compose would take from the environment before it looks into `.env`.
OF_PROJECTS: Final = (
    *("COMPOSE_", "PROXY_", "HTTP_PORT", "HOST_", "DOMAIN", "ENVIRONMENT"),
    *("POSTGRES_", "DEFAULT_", "SECRET_KEY"),
    *("REGISTRY", "RELEASE", "NGINX_RELEASE", "HTTPS_PORT", "BIND_ADDRESS"),
)


def wait_until[Result](condition: Callable[[], Result], *, limit: float, what: str) -> Result:
    """Return the condition's first true result; fail when `limit` seconds pass without one.

    A connection that is refused or broken counts as not yet.
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
    """Return how the command ended, and what it printed."""
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
    """Return what the command prints; fail with all its output unless it succeeds."""
    result = attempt(*command, directory=directory, limit=limit, variables=variables)
    assert result.returncode == 0, f"{command} exited with {result.returncode}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def clean_environment() -> dict[str, str]:
    """Return the environment without what Compose would prefer to a project's `.env`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OF_PROJECTS)}


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.text)


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> Answer:
    """Return what 127.0.0.1:`port` answers. Redirects are not followed; a header is written `x_request_id="…"`."""
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
        """The site's address."""
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
        """Return what ./install_docker.sh says."""
        command = (self.directory / "install_docker.sh", "--yes", "--port", str(self.port))
        variables = {"COMPOSE_PROJECT_NAME": self.project}
        return run(*command, directory=self.directory, limit=900, variables=variables)

    def compose(self, *arguments: str, limit: float = 120) -> str:
        """Return what `docker compose …` prints in the project's folder."""
        return run("docker", "compose", *arguments, directory=self.directory, limit=limit)

    @contextmanager
    def terminal(self, *arguments: str) -> Iterator[Callable[[], str]]:
        """Run `docker compose …` on a terminal, giving what tells its text so far; press Ctrl-C at the end."""
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
        """Return what the command prints in the service's container."""
        return self.compose("exec", "--no-TTY", service, *command, limit=limit)

    def valkey_url(self, service: str) -> str:
        """Return the address of `valkey` or `cache`, with the application's user and password."""
        return {"valkey": "redis://queue:local@valkey:6379", "cache": "redis://cache:local@cache:6379"}[service]

    def valkey(self, service: str, *command: str) -> str:
        """Return what `valkey` or `cache` answers the application's user, in the queue's database or the cache's."""
        database = "0" if service == "valkey" else "1"
        login = ("-u", self.valkey_url(service), "--no-auth-warning", "-n", database)
        return self.exec(service, "valkey-cli", "-e", *login, *command)

    def manage(self, *arguments: str) -> str:
        """Return what `manage.py …` prints in the container of `web`."""
        return self.exec("web", "python", "manage.py", *arguments)

    def make_user(self, email: str, *, password: str) -> None:
        """Make a user who is not staff, and whose address is confirmed."""
        self.manage(
            "shell",
            "--no-imports",
            "--command",
            "from allauth.account.models import EmailAddress; from django.contrib.auth import get_user_model; "
            f"user = get_user_model().objects.create_user({email!r}, {password!r}); "
            "EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)",
        )

    def query(self, sql: str) -> str:
        """Return what PostgreSQL answers, unaligned."""
        return self.exec("postgres", "psql", "--username=app", "--tuples-only", "--no-align", f"--command={sql}", "app")

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Return what the site answers, through nginx (see `ask`)."""
        return ask(self.port, path, method=method, **headers)

    def status(self, path: str) -> int:
        """Return the status of the site's answer, through nginx."""
        return self.get(path).status

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what `docker inspect` tells of each service's container that runs."""
        identifiers = self.compose("ps", "--quiet").split()
        inspected = json.loads(run("docker", "inspect", *identifiers))
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in inspected}

    def address(self, service: str) -> str:
        """Return the service's IP address."""
        return str(self.containers()[service]["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def wait_until_ready(self) -> None:
        """Return when the site answers, and every service behind it."""
        wait_until(lambda: self.status("/health/ready") == 200, limit=60, what="/health/ready answers 200")

    def restore(self) -> None:
        """Start what is stopped, and return when all is as it was."""
        self.compose("up", "-d", "--wait")
        self.wait_until_ready()

    def remove(self) -> None:
        """Remove the containers, volumes, networks and images."""
        if (self.directory / ".env").exists():  # without it nothing was made, and Compose refuses to read the project
            self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")
        names = ("--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.project}-*")
        if images := run("docker", "image", "ls", *names).split():
            run("docker", "image", "rm", "--force", *images)


@contextmanager
def installed(directory: Path) -> Iterator[Stack]:
    """Install a copy of this checkout there, under a name and port of its own; at the end nothing of it remains."""
    stack = Stack(directory=copy_checkout(directory), project=unique_slug(), port=free_port())
    try:
        stack.install()
        yield stack
    finally:
        stack.remove()
