"""The project on this machine: its name, its data, its ports, the disk."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bedplate.host import ROOT, installed_as
from bedplate.host.checks.ports import is_port, is_taken, next_free_port
from bedplate.host.commands import docker
from bedplate.host.configuration import env_file
from bedplate.host.errors import AbortError
from bedplate.host.install.request import Request
from bedplate.host.programs import attempt, output

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
GIGABYTE: Final = 1 << 20  # in the blocks of 1024 bytes that df counts
FIRST_BUILD: Final = 5  # gigabytes for images and packages
LATER_BUILD: Final = 1
FOLDER: Final = docker.label("project.working_dir")


def check_names(request: Request) -> None:
    """Raise AbortError if the project's name or port is invalid."""
    if not NAME.fullmatch(request.project):
        raise AbortError(
            f"COMPOSE_PROJECT_NAME is '{request.project}'.",
            "It names containers and the address: lower-case letters, digits and hyphens only.",
        )
    if not is_port(request.port):
        raise AbortError(f"HTTP_PORT is '{request.port}', not a port.", "Give a number from 1 to 65535.")


def check_other_folders(request: Request) -> None:
    """Raise AbortError if another folder has a project of this name: they would share containers and database."""
    for folder in folders_of(request.project):
        if is_folder(folder) and not folder.samefile(ROOT):
            raise AbortError(
                f"the project '{request.project}' is installed already, in another folder: {folder}",
                f"Give this one its own name and port: {another_project(request)}",
                "Or continue here with its data: docker compose down in that folder, then move its .env here.",
            )


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder that this user may read: in Python 3.13, is_dir() raises if not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def folders_of(project: str) -> Iterator[Path]:
    """Yield the folders from which containers of the project were started."""
    command = docker.containers(f"label=com.docker.compose.project={project}", columns=FOLDER, running_only=False)
    return (Path(line) for line in output(command).splitlines() if line)


def another_project(request: Request) -> str:
    """Return how to install this folder under another name."""
    if env_file.FILE.exists():
        return "set COMPOSE_PROJECT_NAME and HTTP_PORT in .env"
    command = f"COMPOSE_PROJECT_NAME={request.project}-2 {request.command} --port {next_free_port()}"
    return command + (f" --https-port {next_free_port(8443)}" if request.environment.is_server else "")


def check_database_volume(request: Request) -> None:
    """Raise AbortError if the database exists, but the `.env` with its password does not."""
    project = request.project
    if env_file.FILE.exists() or not has_volume(project):
        return
    raise AbortError(
        f"the database of '{project}' exists (volume {project}_postgres_data), but .env with its password does not.",
        "Put the .env of that database back into this folder. Or,",
        f"to keep that database, and install beside it: {another_project(request)}",
        f"to start again, LOSING ALL DATA of '{project}': docker compose --project-name {project} down --volumes",
        "If .env is lost and you need the data: cp .env.example .env, fill it in, and run this again:",
        "it prints how to set the new password in the database.",
    )


def has_volume(project: str) -> bool:
    """Return whether the project has a database on this machine."""
    return attempt(["docker", "volume", "inspect", f"{project}_postgres_data"]).returncode == 0


def check_earlier_name(request: Request) -> None:
    """Raise AbortError if this folder has data under an earlier name: under the new one, the site would be empty."""
    if request.new_database:
        return
    for earlier in earlier_names():
        if earlier == request.project or not has_volume(earlier):
            continue
        folder = next(folders_of(earlier), None)
        if folder and is_folder(folder) and not folder.samefile(ROOT):
            continue  # .env was copied for a second installation
        raise AbortError(
            f"this folder was installed as '{earlier}'; "
            f"its data (volume {earlier}_postgres_data) would not be in '{request.project}'.",
            f"To keep that name and its data: set COMPOSE_PROJECT_NAME={earlier} in .env",
            f"To start with an empty database, and keep that one: {request.command} --new-database",
            f"To move the data: back up under '{earlier}', then install '{request.project}' with that option, "
            "then restore (library/docs/how-to/backups.md)",
        )


def earlier_names() -> list[str]:
    """Return the names under which this folder was installed: from the file .installed_as and its containers."""
    command = docker.containers(
        f"label=com.docker.compose.project.working_dir={ROOT}", columns=docker.label("project"), running_only=False
    )
    return [name for name in (installed_as.project(), *output(command).splitlines()) if name]


def check_port(request: Request, port: str, option: str = "--port") -> None:
    """Raise AbortError if a program outside of this project uses the port."""
    own = docker.containers(f"label=com.docker.compose.project={request.project}", f"publish={port}")
    if output(own).strip() or not is_taken(int(port)):
        return
    raise AbortError(
        f"port {port} is taken by {holder_of(port)}.",
        f"Stop that, or take another port: {request.command} {option} {next_free_port()}",
    )


def holder_of(port: str) -> str:
    """Return a description of the program that uses the port."""
    project = output(docker.containers(f"publish={port}", columns=docker.label("project"))).strip()
    return f"the project '{project}'" if project else "another program"


def check_disk(project: str, release: str) -> None:
    """Raise AbortError if the disk is too full for a build; the first one needs more space."""
    is_built = attempt(["docker", "image", "inspect", f"{project}-web:{release}"]).returncode == 0
    needed = LATER_BUILD if is_built else FIRST_BUILD
    for folder in (output(["docker", "info", "--format", "{{.DockerRootDir}}"]).strip(), str(ROOT)):
        if not is_folder(Path(folder)):
            continue  # inside the virtual machine of Docker Desktop
        free = int(output(["df", "-Pk", folder]).splitlines()[1].split()[3])
        if free < needed * GIGABYTE:
            raise AbortError(
                f"{folder} has {free // 1024} MB of free disk space; {needed} GB are needed.",
                "Make room. What Docker uses: docker system df; to remove what it can spare: docker system prune",
            )
