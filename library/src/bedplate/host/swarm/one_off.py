"""A command in a container of its own, somewhere in the swarm: as `docker compose run` does it on one machine."""

import json
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.errors import AbortError, HostError
from bedplate.host.programs import attempt
from bedplate.host.swarm import releases, rendering, tasks, versions
from bedplate.host.swarm.machines import check_swarm

START_TIMEOUT: Final = 120  # seconds
LAST_LINES_TIMEOUT: Final = 5  # seconds for the last lines of a task that has ended


def running_stack() -> dict[str, Any]:
    """Return the stack that was deployed last, with the secrets of now. Raise AbortError before the first deploy."""
    check_swarm()
    if not (found := releases.find(env_file.get("RELEASE"))):
        raise AbortError("nothing is deployed yet.", "First: ./bedplate deploy")
    names = versions.create(found["secrets"])
    return {**found, "secrets": {name: {"external": True, "name": version} for name, version in names.items()}}


def run(
    service: str, command: Sequence[str], *, name: str, stack: Mapping[str, Any] | None = None, output: Any = None
) -> int:
    """Run the command in a container like this service's; show what it prints. Return its exit status.

    An interruption ends the command, too: it gets SIGTERM.
    """
    stack = stack or running_stack()
    project = env_file.get("COMPOSE_PROJECT_NAME")
    job = f"{name}-{secrets.token_hex(3)}"
    escaped = [word.replace("$", "$$") for word in command]
    services = {job: rendering.run_once(stack["services"][service], escaped)}
    with ExitStack() as cleanup:
        cleanup.callback(attempt, ["docker", "service", "rm", f"{project}_{job}"])
        deploy(rendering.with_only(stack, services), project)
        logs = ["docker", "service", "logs", "--follow", "--raw", "--no-trunc", f"{project}_{job}"]
        following = subprocess.Popen(logs, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, process_group=0)
        cleanup.callback(_stop, following)
        return wait_for(f"{project}_{job}")


def deploy(stack: Mapping[str, Any], project: str) -> str:
    """Give the stack to the swarm; return what Docker prints. Raise HostError if the swarm refuses it."""
    command = ["docker", "stack", "deploy", "--compose-file", "-", "--with-registry-auth", "--resolve-image", "never"]
    result = subprocess.run(
        [*command, project],
        cwd=ROOT,
        input=json.dumps(stack).encode(),
        capture_output=True,
        check=False,
    )
    if result.returncode != 0:
        raise HostError("the swarm refuses it.", output=result.stderr.decode(errors="replace"))
    return (result.stdout + result.stderr).decode(errors="replace").rstrip("\n")


def wait_for(service: str) -> int:
    """Wait until the job ends; return its exit status. Raise HostError if it does not begin, or its machine is lost."""
    failed = tasks.wait_for_job(service, wait=START_TIMEOUT)
    if failed and failed.exit_status is None:
        raise HostError(f"the command did not begin: {failed.error}")
    return failed.exit_status or 0 if failed else 0


def _stop(following: "subprocess.Popen[bytes]") -> None:
    with suppress(subprocess.TimeoutExpired):
        following.wait(LAST_LINES_TIMEOUT)
    following.terminate()
    following.wait()
