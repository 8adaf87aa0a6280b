"""Checks before a deploy or a rotation: the server is installed, and runs."""

import os

from bedplate.host.checks import folder
from bedplate.host.commands.docker import compose
from bedplate.host.configuration import env_file
from bedplate.host.configuration.environment import Environment, find_environment
from bedplate.host.errors import AbortError
from bedplate.host.programs import output


def find_server(reason: str, hint: str) -> Environment:
    """Return the environment. Raise AbortError if nothing is installed, or if it is LOCAL."""
    if not env_file.FILE.exists():
        raise AbortError(
            "nothing is installed in this folder: there is no .env.",
            "First: ./install_docker.sh --environment prod (library/docs/how-to/first-server.md)",
        )
    if not os.access(env_file.FILE, os.R_OK):
        raise AbortError("you may not read .env.", "Run this as its owner.")
    environment = find_environment()
    if not environment.is_server:
        raise AbortError(f"this folder is LOCAL: {reason}", hint)
    folder.check_filled(environment)
    folder.check_time_zone()
    return environment


def check_runs(*services: str) -> None:
    """Raise AbortError if one of the services does not run."""
    missing = [name for name in services if not output(compose("ps", "--quiet", "--status", "running", name)).strip()]
    if missing:
        raise AbortError(f"the stack does not run: {' '.join(missing)}.", "Start it: docker compose up --detach --wait")
