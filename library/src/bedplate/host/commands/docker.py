"""Argument lists of Docker and Docker Compose."""

from collections.abc import Sequence
from pathlib import Path


def server_version() -> list[str]:
    """Return the command that prints the version of the engine; it fails without an engine."""
    return ["docker", "version", "--format", "{{.Server.Version}}"]


def containers(*filters: str, columns: str = "", running_only: bool = True) -> list[str]:
    """Return the command that prints containers: their ids, or `columns`, a Go template."""
    options = [*([] if running_only else ["--all"]), *([] if columns else ["--quiet"])]
    options += [part for condition in filters for part in ("--filter", condition)]
    return ["docker", "ps", *options, *(["--format", columns] if columns else [])]


def label(name: str) -> str:
    """Return the Go template of a label that Compose sets on its containers."""
    return f'{{{{.Label "com.docker.compose.{name}"}}}}'


def network_owner(network: str) -> list[str]:
    """Return the command that prints the Compose project of a network; it fails without that network."""
    return ["docker", "network", "inspect", "--format", '{{index .Labels "com.docker.compose.project"}}', network]


def compose(*arguments: str) -> list[str]:
    """Return a command of Docker Compose, for the project in the current folder."""
    return ["docker", "compose", *arguments]


def compose_elsewhere(project: str, variables: Path, files: Sequence[Path], *arguments: str) -> list[str]:
    """Return a command of Docker Compose for a project with these files, and its variables in a file."""
    named = [part for file in files for part in ("--file", str(file))]
    return ["docker", "compose", "--project-name", project, "--env-file", str(variables), *named, *arguments]


def running(service: str | None = None) -> list[str]:
    """Return the command that prints the ids of running containers, those of `docker compose run` included."""
    return compose("ps", "--all", "--quiet", "--status", "running", *([service] if service else []))
