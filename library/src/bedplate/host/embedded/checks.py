"""What is looked at before anything is changed."""

import os
import pwd
import shlex
import shutil
import socket
from pathlib import Path
from typing import Final

from bedplate.host.embedded import RefusalError, configuration, packages
from bedplate.host.embedded.project import Project

MEGABYTE: Final = 1024 * 1024
DISK_FOR_SETUP: Final = 700 * MEGABYTE
DISK_FOR_RUNNING: Final = 50 * MEGABYTE


def check(project: Project, *, port: int | None) -> None:
    """Raise RefusalError, saying what to do, where the set-up could not succeed. `port` is None without serving."""
    check_owner(project)
    check_configuration(project)
    check_disk(project)
    if port is not None:
        check_port(port)


def check_owner(project: Project) -> None:
    """Raise RefusalError where the folder, or something that we made in it, is not this user's to write."""
    made = [project.configuration, project.data, project.python_environment, project.node_environment]
    for path in [project.root, *filter(Path.exists, made)]:
        owner = path.stat().st_uid
        if owner != os.geteuid():
            raise RefusalError(
                f"{path} belongs to {user_name(owner)}, and you are {user_name(os.geteuid())}.",
                f"Run this as {user_name(owner)}, or in a clone of your own.",
                f"If it should be yours: sudo chown -R {user_name(os.geteuid())} {shlex.quote(str(path))}",
            )
        if not os.access(path, os.W_OK):
            raise RefusalError(f"{path} is not writable.", f"Allow it: chmod u+w {shlex.quote(str(path))}")


def user_name(number: int) -> str:
    """Return a user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def check_configuration(project: Project) -> None:
    """Raise RefusalError where `.env.embedded` is incomplete, or there is nothing to make it from."""
    if project.configuration.exists():
        configuration.check(configuration.read(project.configuration), project.configuration.name)
    else:
        configuration.read(project.example_configuration)


def check_disk(project: Project) -> None:
    """Raise RefusalError where the disk has less free space than the packages take."""
    whole = packages.current(project.python_environment, project.requirements).is_current()
    needed = DISK_FOR_RUNNING if whole else DISK_FOR_SETUP
    free = shutil.disk_usage(project.root).free
    if free < needed:
        raise RefusalError(
            f"{free // MEGABYTE} MB are free where {project.root} is, and {needed // MEGABYTE} MB are needed.",
            "Make room, then run this again.",
        )


def check_port(port: int) -> None:
    """Raise RefusalError where the web server could not listen."""
    try:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
    except PermissionError:
        raise RefusalError(f"port {port} is for the administrator.", "Choose one from 1024 on: --port 8000") from None
    except OSError as error:
        raise RefusalError(
            f"port {port} of 127.0.0.1 cannot be used: {error.strerror}.",
            f"Stop what uses it (to find it: lsof -i :{port}), or choose another one: --port {port + 1}",
        ) from None
