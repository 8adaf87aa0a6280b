"""The machines of the swarm, and the checks before anything is changed on them."""

import json
from dataclasses import dataclass
from typing import Any, Final

from bedplate.host.checks.docker import release
from bedplate.host.configuration import env_file
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, failure, output

FILE: Final = "swarm.yml"
OLDEST_ENGINE: Final = (25, 0)  # `start_interval` of health checks
HOW_TO: Final = "library/docs/how-to/several-machines.md"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A node of the swarm."""

    id: str
    name: str
    ready: bool
    lost: bool
    """True once it has been silent for too long: then it is down, for the swarm."""
    takes_tasks: bool
    """False while it is drained or paused."""
    engine: str


def are_several() -> bool:
    """Return whether this folder is deployed to a swarm: swarm.yml is among its Compose files."""
    return FILE in (file.rpartition("/")[2] for file in env_file.get("COMPOSE_FILE").split(":"))


def check_swarm() -> list[Machine]:
    """Return the machines. Raise AbortError if this one is no manager, or if the swarm cannot be changed now."""
    swarm = json.loads(output(["docker", "info", "--format", "{{json .Swarm}}"]))
    if swarm.get("LocalNodeState") != "active":
        raise AbortError(
            f"this machine is in no swarm, or not connected with it ({swarm.get('LocalNodeState')}).",
            f"The first machine: docker swarm init; others: docker swarm join ({HOW_TO})",
        )
    if not swarm.get("ControlAvailable"):
        managers = ", ".join(str(each.get("Addr")) for each in swarm.get("RemoteManagers") or ())
        raise AbortError("this machine is a worker of the swarm.", f"Run this on a manager: {managers}")
    found = machines()
    for machine in found:
        if machine.ready and release(machine.engine) < OLDEST_ENGINE:
            raise AbortError(
                f"{machine.name} has Docker Engine {machine.engine}: {FILE} needs {OLDEST_ENGINE[0]} or newer.",
                "Update it; one machine after the other: docker node update --availability drain NAME",
            )
    if not any(machine.ready and machine.takes_tasks for machine in found):
        raise AbortError("no machine of the swarm is ready and takes tasks.", "See: docker node ls")
    return found


def machines() -> list[Machine]:
    """Return the machines. Raise AbortError if most managers are away: then nothing can be changed."""
    result = attempt(["docker", "node", "ls", "--format", "{{json .}}"])
    if result.returncode != 0:
        if "does not have a leader" in result.stderr or "deadline exceeded" in result.stderr:
            raise AbortError(
                "most managers of the swarm are away: the site goes on, but nothing can be changed.",
                f'Bring them back. If they are lost: {HOW_TO}, "When a machine is lost"',
            )
        raise failure(["docker", "node", "ls"], result.returncode, result.stderr)
    return [_machine(json.loads(line)) for line in result.stdout.splitlines()]


def _machine(shown: dict[str, Any]) -> Machine:
    return Machine(
        id=shown["ID"],
        name=shown["Hostname"],
        ready=shown["Status"] == "Ready",
        lost=shown["Status"] == "Down",
        takes_tasks=shown["Availability"] == "Active",
        engine=shown.get("EngineVersion") or "",
    )
