"""The containers of both releases, and the route of requests."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bedplate.host.commands.docker import compose
from bedplate.host.configuration import compose_text, env_file, services
from bedplate.host.deploy.release import CANDIDATE, Deployment
from bedplate.host.install.services import report_unhealthy
from bedplate.host.programs import attempt, failure, output
from bedplate.host.steps import CommandError, Steps

INSPECT: Final = (
    '{{.Id}} {{slice .Name 1}} {{.Config.Image}} {{.State.Status}} {{index .Config.Labels "com.docker.compose.oneoff"}}'
)
HEALTH: Final = (
    '{{if .RestartCount}}crashed{{else if ne .State.Status "running"}}{{.State.Status}}'
    "{{else}}{{.State.Health.Status}}{{end}}"
)
CONTENT: Final = "{{json .RootFS.Layers}} {{json .Config}}"
POLL_INTERVAL: Final = 0.2  # seconds
SETTLE_TIMEOUT: Final = 30  # seconds: then WebSockets, which may stay open forever, are closed


@dataclass(frozen=True)
class Container:
    """A container of a service."""

    name: str
    image: str
    state: str


def containers_of(service: str) -> list[Container]:
    """Return the containers of a service in any state, without those of `docker compose run`.

    A container that was removed in the meantime is left out.
    """
    ids = output(compose("ps", "--all", "--quiet", service)).split()
    if not ids:
        return []
    command = ["docker", "inspect", "--format", INSPECT, *ids]
    shown = attempt(command)
    if shown.returncode != 0 and "no such" not in shown.stderr.lower():
        raise failure(command, shown.returncode, shown.stderr)
    lines = (line.split() for line in shown.stdout.splitlines())
    return [Container(*words[1:4]) for words in lines if words[3:4] and words[4:] != ["True"]]


def has_image(image: str) -> bool:
    """Return whether an image is on this machine."""
    return attempt(["docker", "image", "inspect", image]).returncode == 0


@dataclass(frozen=True)
class Stack:
    """The services of the running release and of the next one, and commands on their containers."""

    deployment: Deployment
    steps: Steps
    _configurations: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    # `now` runs Docker Compose with `.env`: the release that serves. `next` runs it with the future `.env`.

    def now(self, *arguments: str, check: bool = True) -> int:
        """Run Docker Compose for the release that serves. Return the exit status."""
        return self.steps.run(compose(*arguments), check=check)

    def next(self, *arguments: str) -> None:
        """Run Docker Compose for the next release."""
        self.steps.run(compose("--env-file", CANDIDATE, *arguments), variables={"DOTENV": CANDIDATE})

    def services_now(self) -> Mapping[str, Any]:
        """Return the services of the release that serves."""
        return self._read(compose("config"), env_file.text_of(env_file.FILE), {})

    def services_next(self) -> Mapping[str, Any]:
        """Return the services of the next release."""
        text = env_file.text_of(env_file.FILE.with_name(CANDIDATE))
        return self._read(compose("--env-file", CANDIDATE, "config"), text, {"DOTENV": CANDIDATE})

    def _read(self, command: Sequence[str], text: str, variables: Mapping[str, str]) -> Mapping[str, Any]:
        key = f"{command} {text}"
        if key not in self._configurations:
            printed = output(command, environment={**os.environ, **variables})
            self._configurations[key] = compose_text.parse(printed).get("services") or {}
        return self._configurations[key]

    def own(self, found: Mapping[str, Any]) -> dict[str, str]:
        """Return the services whose images belong to a release, each with its image."""
        prefix = services.image_prefix()
        return {name: image for name, image in services.images(found).items() if image.startswith(prefix)}

    def parts(self) -> list[str]:
        """Return the parts of the release that serves: web, nginx, cron, and those that a team added."""
        releases, prefix = {env_file.get("RELEASE"), env_file.get("NGINX_RELEASE")}, services.image_prefix()
        images = (image.removeprefix(prefix).rpartition(":") for image in self.own(self.services_now()).values())
        return list(dict.fromkeys(part for part, _colon, tag in images if tag in releases))

    def web_of(self, release: str) -> list[str]:
        """Return the containers of web that run this release."""
        image = self.deployment.image("web", release)
        return [found.name for found in containers_of("web") if (found.image, found.state) == (image, "running")]

    def besides(self, service: str, image: str) -> list[str]:
        """Return the containers of a service with another image, in any state."""
        return [found.name for found in containers_of(service) if found.image != image]

    def web_besides(self, release: str) -> list[str]:
        """Return the containers of web of another release, in any state."""
        return self.besides("web", self.deployment.image("web", release))

    def route(self, *containers: str) -> None:
        """Let nginx send requests only to these containers; without names, to all named web."""
        self.now("exec", "--no-TTY", "nginx", "route", *containers)

    def wait_until_settled(self) -> None:
        """Wait until nginx no longer sends requests to other containers."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while self.now("exec", "--no-TTY", "nginx", "route", "--settled", check=False) != 0:
            if time.monotonic() >= deadline:
                self.steps.say("Connections that are older than the new route stay open.")
                return
            time.sleep(POLL_INTERVAL)

    def wait_until_healthy(self, containers: Sequence[str]) -> None:
        """Wait until all are healthy. Raise CommandError if one is not; its last lines are in the log."""
        deadline = time.monotonic() + self.deployment.wait
        for name in containers:
            while (state := output(["docker", "inspect", "--format", HEALTH, name]).strip()) != "healthy":
                if state != "starting" or time.monotonic() >= deadline:
                    self.steps.run(["docker", "logs", "--tail", "20", name], check=False)
                    self.steps.say(f"{name} within {self.deployment.wait} s: {state}", "not healthy: web")
                    raise CommandError(f"{name} is not healthy.")
                time.sleep(POLL_INTERVAL)

    def replace_now(self, names: Sequence[str]) -> None:
        """Replace the containers of these services by those of the release that serves."""
        self._replace(self.now, names)

    def replace_next(self, names: Sequence[str]) -> None:
        """Replace the containers of these services by those of the next release."""
        self._replace(self.next, names)

    def _replace(self, run: Any, names: Sequence[str]) -> None:
        # With --no-deps, a later `docker compose up` would see a change, because depends_on would be missing.
        if names:  # without a name it would be all of them
            run("rm", "--stop", "--force", *names)
            run("up", "--detach", "--no-recreate", *self.wait_options, *names)

    @property
    def wait_options(self) -> tuple[str, ...]:
        """The options that wait until services are healthy."""
        return ("--wait", "--wait-timeout", str(self.deployment.wait))

    def run_or_report(self, action: Any, *arguments: Any) -> None:
        """Run the action. If it fails, add the last lines of unhealthy services to the log."""
        try:
            action(*arguments)
        except CommandError:
            report_unhealthy(self.steps)
            raise

    def same_content(self, one: str, two: str) -> bool:
        """Return whether two images are equal except for their names."""
        shown = [attempt(["docker", "image", "inspect", "--format", CONTENT, image]).stdout for image in (one, two)]
        return shown[0] == shown[1]
