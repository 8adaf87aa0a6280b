"""The state of services, and starting those that do not run."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bedplate.host.commands.docker import compose
from bedplate.host.configuration.services import images
from bedplate.host.console import write
from bedplate.host.errors import HostError
from bedplate.host.steps import CommandError, Steps

START_TIMEOUT = 120  # seconds


def running(steps: Steps) -> list[str]:
    """Return the services that run."""
    return steps.output(compose("ps", "--services", "--status", "running")).split()


def missing_of(services: Sequence[str], steps: Steps) -> list[str]:
    """Return the services that do not run, or that Compose was about to replace.

    Compose creates the new container before it stops the old one.
    """
    try:
        present = running(steps)
        created = steps.output(compose("ps", "--all", "--services", "--status", "created")).split()
    except (HostError, OSError):
        return list(services)
    return [name for name in services if name not in present or name in created]


def start(services: Sequence[str], steps: Steps) -> None:
    """Start the services unchanged, and wait until they are healthy.

    With --no-deps, a later `docker compose up` would replace the container as changed.
    """
    options = ("--detach", "--no-recreate", "--wait", "--wait-timeout", str(START_TIMEOUT))
    steps.run(compose("up", *options, *services))


def replace(names: Sequence[str], steps: Steps, *, wait: int) -> None:
    """Replace the containers of these services, and no others.

    With --no-deps, a later `docker compose up` would see a change, because depends_on would be missing.
    """
    if names:  # without a name it would be all of them
        steps.run(compose("rm", "--stop", "--force", *names))
        steps.run(compose("up", "--detach", "--no-recreate", "--wait", "--wait-timeout", str(wait), *names))


def start_what_is_down(services: Mapping[str, Any], steps: Steps, *, has_image: Callable[[str], bool]) -> None:
    """Start the services that should run and do not. Raise CommandError if one does not start."""
    if down := services_down(services, steps, has_image=has_image):
        steps.say(f"not running: {' '.join(down)}")
        start(down, steps)


def services_down(services: Mapping[str, Any], steps: Steps, *, has_image: Callable[[str], bool]) -> list[str]:
    """Return the services that should run and do not.

    A service without an image here belongs to another release than the one in `.env`.
    """
    present = running(steps)
    return [name for name, image in images(services).items() if name not in present and has_image(image)]


def bring_back(services: Sequence[str], steps: Steps) -> None:
    """After a failed install: start the services again that ran before it, and print those that do not run.

    Docker continues to stop a container when the command that requested it is interrupted: `rm` waits for it.
    """
    missing = missing_of(services, steps)
    if not missing:
        return
    warn(f"\nStarting again what ran before: {' '.join(missing)} … ")
    steps.say("\n== Starting again what ran before")
    try:
        steps.run(compose("rm", "--stop", "--force", *missing))
        start(missing, steps)
    except (CommandError, OSError) as error:
        steps.say(str(error))
    missing = missing_of(services, steps)
    if not missing:
        warn("done.\n")
    else:
        warn(f"failed: see {steps.log}.\n{how_to_start(missing)}")


def how_to_start(services: Sequence[str]) -> str:
    """Return the message about services that do not run, with the commands that start them."""
    names = " ".join(services)
    return (
        f"These services do not run: {names}\n  To start them: docker compose up --detach --wait {names}\n"
        f"  If one does not start, its last lines say why: docker compose logs --tail 20 {names}\n"
    )


def warn(text: str) -> None:
    """Write to standard error."""
    write(text, sys.stderr)


def report_unhealthy(steps: Steps) -> None:
    """Add the last lines of the unhealthy services to the log."""
    columns = '{{.Service}} {{.State}} {{.Health}} oneoff={{.Label "com.docker.compose.oneoff"}}'
    for line in steps.output(compose("ps", "--all", "--format", columns)).splitlines():
        if is_unhealthy(line.split()):
            name = line.split()[0]
            steps.run(["docker", "compose", "--ansi", "never", "logs", "--tail", "20", name], check=False)
            steps.say(f"not healthy: {name}")


def is_unhealthy(words: Sequence[str]) -> bool:
    """Return whether a service has stopped, or its health check fails; without one it only has to run.

    `words` are its name, its state, its health if it has one, and oneoff=True for a container of `docker compose run`,
    which is not a service.
    """
    _name, state, *health, oneoff = words
    return oneoff != "oneoff=True" and (state != "running" or health not in ([], ["healthy"]))
