"""Checks before anything is changed."""

import os
import pwd
import shlex
import shutil
import socket
from pathlib import Path
from typing import Final

from bedplate.host.embedded import configuration, packages
from bedplate.host.embedded.project import Project
from bedplate.host.errors import AbortError

MEGABYTE: Final = 1024 * 1024
DISK_FOR_SETUP: Final = 700 * MEGABYTE
DISK_FOR_RUNNING: Final = 50 * MEGABYTE


def check(project: Project, *, port: int | None) -> None:
    """Raise AbortError, with hints, if the set-up cannot succeed. `port` is None without serving."""
    check_owner(project)
    check_configuration(project)
    check_disk(project)
    if port is not None:
        check_port(port)


def check_owner(project: Project) -> None:
    """Raise AbortError if the folder, or a file that we created in it, is not writable or belongs to another user."""
    made = [project.configuration, project.data, project.python_environment, project.node_environment]
    for path in [project.root, *filter(Path.exists, made)]:
        owner = path.stat().st_uid
        if owner != os.geteuid():
            raise AbortError(
                f"{path} belongs to {user_name(owner)}, and you are {user_name(os.geteuid())}.",
                f"Run this as {user_name(owner)}, or in a clone of your own.",
                f"If it should be yours: sudo chown -R {user_name(os.geteuid())} {shlex.quote(str(path))}",
            )
        if not os.access(path, os.W_OK):
            raise AbortError(f"{path} is not writable.", f"Allow it: chmod u+w {shlex.quote(str(path))}")


def user_name(number: int) -> str:
    """Return a user's name, or the number if it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def check_configuration(project: Project) -> None:
    """Raise AbortError if `.env.embedded` is incomplete, or there is no example to make it from."""
    if project.configuration.exists():
        configuration.check(configuration.read(project.configuration), project.configuration.name)
    else:
        configuration.read(project.example_configuration)


def check_disk(project: Project) -> None:
    """Raise AbortError if the disk has less free space than needed."""
    whole = packages.current(project.python_environment, project.requirements).is_current()
    needed = DISK_FOR_RUNNING if whole else DISK_FOR_SETUP
    free = shutil.disk_usage(project.root).free
    if free < needed:
        raise AbortError(
            f"{free // MEGABYTE} MB are free where {project.root} is, and {needed // MEGABYTE} MB are needed.",
            "Make room, then run this again.",
        )


def check_port(port: int) -> None:
    """Raise AbortError if the web server cannot listen on the port."""
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
    except PermissionError:
        raise AbortError(f"port {port} is for the administrator.", "Choose one from 1024 on: --port 8000") from None
    except OSError as error:
        raise AbortError(
            f"port {port} of 127.0.0.1 cannot be used: {error.strerror}.",
            f"Stop what uses it (to find it: lsof -i :{port}), or choose another one: --port {port + 1}",
        ) from None
