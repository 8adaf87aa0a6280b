"""The folder of the project: its owner, its lock, its `.env`."""

import os
import re
from pathlib import Path
from typing import Final

from bedplate.host import ROOT, lock
from bedplate.host.configuration import env_file
from bedplate.host.configuration.env_file import PLACEHOLDER
from bedplate.host.configuration.environment import Environment
from bedplate.host.configuration.owner import owner_ids
from bedplate.host.errors import AbortError
from bedplate.host.user import user_name

ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
SERVER_VARIABLES: Final = ("HTTPS_PORT", "DOMAIN", "ADMIN_EMAIL")
VARIABLES: Final = ("COMPOSE_PROJECT_NAME", "HTTP_PORT", "HOST_UID", "HOST_GID")


def take_lock() -> None:
    """Take the lock of this checkout. Raise AbortError while another command holds it.

    The kernel releases the lock with the last process that holds it, including those of a step.
    """
    if not lock.take():
        raise AbortError(
            "another install, deploy, rotation or restore of this project is running.",
            "Wait until it ends and run this again. (A killed one may still be finishing its last step.)",
        )


def check_owner() -> None:
    """Raise AbortError if the folder belongs to another user."""
    for path in (ROOT, ROOT / "web", env_file.FILE):
        if path.exists() and path.stat().st_uid != os.geteuid():
            user = user_name()
            raise AbortError(
                f"{path} belongs to someone else; you are {user}.",
                f"Run this as its owner, or make the folder yours: sudo chown -R {user} '{ROOT}'",
            )


def check_env_file(environment: Environment) -> None:
    """Raise AbortError if `.env` is unreadable, incomplete or belongs to another user."""
    if not env_file.FILE.exists():
        return
    if not os.access(env_file.FILE, os.R_OK):
        raise AbortError("you may not read .env.", "Make it readable for you: chmod 600 .env")
    check_filled(environment)
    check_host_ids(environment)
    check_time_zone()


def check_filled(environment: Environment) -> None:
    """Raise AbortError if a variable that the install sets is missing, or a placeholder."""
    problems = []
    for name in (*VARIABLES, *(SERVER_VARIABLES if environment.is_server else secret_variables())):
        value = env_file.get(name)
        if not value:
            problems.append(f"{name} is missing or empty")
        elif PLACEHOLDER in value:
            problems.append(f"{name} still holds the placeholder {PLACEHOLDER}")
    if problems:
        raise AbortError(
            ".env is not complete:",
            *problems,
            "Fill them in; .env.example says what each is. For a secret, this prints a good one: openssl rand -hex 32",
        )


def secret_variables() -> list[str]:
    """Return the variables that are secrets: on a server, these are files."""
    return [name for name, value in env_file.read(env_file.EXAMPLE).items() if value == PLACEHOLDER]


def check_host_ids(environment: Environment) -> None:
    """Raise AbortError if containers would write files as another user."""
    for name, number in zip(("HOST_UID", "HOST_GID"), owner_ids(environment), strict=True):
        if env_file.get(name) != str(number):
            raise AbortError(
                f"{name} in .env is {env_file.get(name)}, which is not you: containers could not write here.",
                f"Set it in .env: {name}={number}",
            )


def check_time_zone() -> None:
    """Raise AbortError if Django and cron would not start with the time zone."""
    zone, folder = env_file.get("TIME_ZONE"), Path(os.environ.get("TZDIR") or "/usr/share/zoneinfo")
    if ZONE.fullmatch(zone):
        if not folder.is_dir() or (folder / zone).is_file():
            return  # without a list of zones, any name is accepted
        names = folder / "tzdata.zi"  # includes old names, which some systems have no files for
        line = re.compile(rf"^(Z {re.escape(zone)}|L \S+ {re.escape(zone)})( |$)", re.MULTILINE)
        if names.is_file() and line.search(names.read_text()):
            return
    raise AbortError(
        f"TIME_ZONE in .env is '{zone}': there is no such time zone.",
        "Give its name as in https://en.wikipedia.org/wiki/List_of_tz_database_time_zones, for example Europe/Zurich.",
    )
