"""`./install_docker.sh --environment prod --swarm`: the first machine of several; `./bedplate deploy` does the rest."""

import os
from contextlib import ExitStack
from functools import partial
from typing import Final

from bedplate.host import ROOT
from bedplate.host.checks import folder, project
from bedplate.host.checks.docker import check_docker
from bedplate.host.checks.server import check_server
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import Secret, read_secrets
from bedplate.host.console import write
from bedplate.host.errors import AbortError, HostError
from bedplate.host.install.request import Request
from bedplate.host.install.stack import Stack
from bedplate.host.programs import attempt, output
from bedplate.host.steps import StepError, Steps, confirm, report_failure, run
from bedplate.host.swarm import machines, outside

STATE: Final = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]


def is_requested(request: Request, *, swarm: bool) -> bool:
    """Return whether to install for several machines. Raise AbortError if this folder is installed for one."""
    if swarm and request.environment.name != "prod":
        raise AbortError("--swarm is for PROD.", "Add --environment prod.")
    if not env_file.FILE.exists():
        files = os.environ.get("COMPOSE_FILE") or "prod.yml"
        if swarm and machines.FILE not in files.split(":"):
            os.environ["COMPOSE_FILE"] = f"{files}:{machines.FILE}"
        return swarm
    if swarm and not machines.are_several():
        raise AbortError(
            "this folder is installed for one machine.", f"How to move it, with its data: {machines.HOW_TO}"
        )
    return machines.are_several()


def install(request: Request, *, assume_yes: bool) -> int:
    """Ask for what is missing, and run the steps. Return the exit status."""
    request.ask()
    steps = Steps(ROOT / "install_docker.log", total=3)
    return run(steps, partial(run_steps, request, steps, assume_yes=assume_yes), hint=" Nothing is lost: run it again.")


def check(request: Request) -> dict[str, Secret]:
    """Return the secrets after all checks. Raise AbortError if the install cannot succeed."""
    check_docker()
    folder.take_lock()
    folder.check_owner()
    folder.check_env_file(request.environment)
    project.check_names(request)
    secrets = read_secrets(request.environment)
    check_server(request, secrets)
    if attempt(STATE).stdout.strip() not in ("inactive", ""):
        machines.check_swarm()
    return secrets


def run_steps(request: Request, steps: Steps, _undo: ExitStack, *, assume_yes: bool) -> int:
    """Check, ask, write the configuration, begin a swarm unless this machine is in one. Return the exit status."""
    with steps.check():
        secrets = check(request)
    write(f"\n  Environment  PROD, on several machines\n  Folder       {ROOT}\n\n")
    if not assume_yes:
        confirm()
    steps.start_log()
    try:
        with steps.step("Write secrets/ and .env"):
            Stack(request, secrets, steps).write_server_configuration()
        env_file.follow()
        with steps.step("Begin a swarm"):
            begin_swarm()
    except StepError as error:
        report_failure(error, ["Why:    see the output above.", f"To do:  {machines.HOW_TO}"], steps.log)
        return 1
    write(summary(secrets))
    return 0


def begin_swarm() -> None:
    """Make this machine the first manager, unless it is in a swarm. Raise HostError if it has several addresses."""
    if output(STATE).strip() == "active":
        return
    result = attempt(["docker", "swarm", "init"])
    if result.returncode != 0:
        raise HostError(
            "The swarm could not begin. With several addresses, say which one the other machines reach:",
            "docker swarm init --advertise-addr ADDRESS; then run this again.",
            output=result.stderr,
        )


def summary(secrets: dict[str, Secret]) -> str:
    """Return what to do next: the line for other machines, and what is missing."""
    token = output(["docker", "swarm", "join-token", "--quiet", "manager"]).strip()
    address = output(["docker", "info", "--format", "{{.Swarm.NodeAddr}}"]).strip()
    missing = outside.missing(secrets)
    if not env_file.get("REGISTRY"):
        missing.append(f"REGISTRY in .env: where all machines pull the images ({machines.HOW_TO})")
    lines = "".join(f"  {line}\n" for line in missing) or "  nothing: ./bedplate deploy\n"
    return f"""
This machine is a manager of the swarm. On each other machine, with the same Docker:

  docker swarm join --token {token} {address}:2377

Three managers go on when one is lost; two do not. The token lets a machine in: keep it secret.

Missing before the first ./bedplate deploy:

{lines}
Keep a copy of .env and secrets/ away from this machine.
"""
