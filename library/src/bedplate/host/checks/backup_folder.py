"""The folder that backups go to: mounted into `cron`, and in no volume of the other services."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bedplate.host.configuration import compose_text
from bedplate.host.configuration.environment import Environment
from bedplate.host.configuration.secret_list import config_command
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt

SCHEME: Final = "file://"
APPLICATION: Final = ("web", "celery", "nginx", "flower", "postgres", "valkey", "verifier")
"""A service of the team, such as one that copies the backups elsewhere, may mount their folder."""
HOW: Final = 'Use a bucket (gs://…), or a folder of its own: library/docs/how-to/backups.md, "A folder on the server"'


def check_backup_folder(url: str, environment: Environment) -> None:
    """Raise AbortError if BACKUP_URL is a folder that `cron` does not see, or that another service does.

    In the container, each run compares the folders themselves: `bedplate.backup.mounts`.
    """
    folder = Path(url.removeprefix(SCHEME))
    if not url.startswith(SCHEME) or (folder.is_relative_to("/data/backups") and ".." not in folder.parts):
        return
    command, variables = config_command(environment)
    services = (
        compose_text.parse(attempt(command, environment={**os.environ, **variables}).stdout).get("services") or {}
    )
    source = source_of(folder, services)
    if source is None:
        raise AbortError(
            f"BACKUP_URL is {url}, but that folder is not mounted into the container of cron: no backup would be made.",
            HOW,
        )
    for service in APPLICATION:
        if any(is_below(source, Path(str(mount["source"]))) for mount in volumes(services, service)):
            raise AbortError(
                f"BACKUP_URL is {url}, in a volume of {service}: it could read or change the backups.",
                HOW,
            )


def source_of(folder: Path, services: Mapping[str, Any]) -> Path | None:
    """Return the folder of the host, or the volume and the path in it, that `cron` has as this folder."""
    found = [mount for mount in volumes(services, "cron") if folder.is_relative_to(mount["target"])]
    if not found or ".." in folder.parts:
        return None
    nearest = max(found, key=lambda mount: len(mount["target"]))
    return Path(str(nearest["source"]), folder.relative_to(nearest["target"]))


def volumes(services: Mapping[str, Any], service: str) -> Iterator[Mapping[str, Any]]:
    """Yield the mounts of a service that have a source: volumes and folders of the host."""
    entries = (services.get(service) or {}).get("volumes") or ()
    return (mount for mount in entries if mount.get("source") and mount.get("target"))


def is_below(source: Path, other: Path) -> bool:
    """Return whether a folder of the host or a volume is in the other one. Names of volumes have no slash."""
    if source.is_absolute() and other.is_absolute():
        return source.resolve().is_relative_to(other.resolve())
    return source.is_relative_to(other)
