"""The production image, beside the stack: it uses the stack's database and queue, and gets requests without nginx."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bedplate.testing.compose import Answer, Stack, ask, attempt, run, wait_until

HARDENED: Final = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@dataclass(frozen=True)
class Site:
    """A running production container."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Return its answer, as if the request had come through nginx over HTTPS."""
        return ask(self.port, path, method=method, **{"X_Forwarded_Proto": "https", **headers})

    def static_links(self, html: str) -> list[str]:
        """Return the static files that a page names."""
        return re.findall(r'(?:href|src)="(/static/[^"]+)"', html)


@dataclass(frozen=True, kw_only=True)
class Production:
    """The production image, built from the stack's folder or a changed copy of it."""

    stack: Stack
    image: str
    secrets: Path

    @classmethod
    def build(cls, stack: Stack, *, directory: Path, tag: str, secrets: Path) -> "Production":
        """Return the built image. Its secrets are the stack's, a file each."""
        image = f"{stack.project}-web:{tag}"
        library = f"--build-context=library={stack.directory / 'library'}"
        run("docker", "build", "--target", "production", library, "--tag", image, directory / "web", limit=600)
        for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
            (secrets / name.lower()).write_text(stack.dotenv[name])
        for service in ("valkey", "cache"):
            (secrets / f"{service}_url").write_text(stack.valkey_url(service))
        secrets.chmod(0o755)  # Docker, too, lets the container's user read secrets
        return cls(stack=stack, image=image, secrets=secrets)

    def options(self, **variables: str) -> list[str]:
        """Return the options of every container of the image."""
        variables = {"COMPOSE_PROJECT_NAME": self.stack.project, **variables}
        environment = [f"--env={name}={value}" for name, value in variables.items()]
        return [*HARDENED, f"--network={self.stack.network}", *environment]

    def mount(self) -> str:
        """Return the option that mounts the secrets."""
        return f"--volume={self.secrets}:/run/secrets:ro"

    def run(self, *command: str) -> str:
        """Return the output of a command in a new container."""
        return run("docker", "run", "--rm", *self.options(), self.mount(), self.image, *command)

    def refusal(self, **variables: str) -> str:
        """Return the server's message when it does not start with these variables and no other secrets."""
        result = attempt("docker", "run", "--rm", *self.options(**variables), self.image, limit=60)
        assert result.returncode > 0
        return result.stdout + result.stderr

    @contextmanager
    def serve(self, **variables: str) -> Iterator[Site]:
        """Run the server."""
        options = ("--detach", "--publish=127.0.0.1::8000", *self.options(**variables), self.mount())
        container = run("docker", "run", *options, self.image).strip()
        try:
            site = Site(int(run("docker", "port", container, "8000").rpartition(":")[2]))
            wait_until(lambda: site.get("/health/live").status == 200, limit=30, what="the production server answers")
            yield site
        finally:
            run("docker", "rm", "--force", container)
