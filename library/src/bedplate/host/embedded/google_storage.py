"""`./google_storage.sh` in embedded mode: the backup system, in its own virtual environment."""

import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bedplate.host.embedded import configuration, packages
from bedplate.host.embedded.processes import process_group
from bedplate.host.embedded.project import Project
from bedplate.host.errors import AbortError


def become(project: Project, arguments: Sequence[str]) -> None:
    """Replace this process with the backup system and these arguments; the first time, install its packages."""
    if not project.configuration.exists():
        raise AbortError("this folder is not set up yet.", "First run: ./install_embedded.sh --setup-only")
    environment = configuration.process_environment(project, configuration.load(project))
    environment["PYTHONPATH"] = f"{project.library}{os.pathsep}{project.web}"
    environment.setdefault("GOOGLE_CREDENTIALS", str(credentials(environment)))
    _install_packages(project)
    os.chdir(project.web)
    os.execve(project.backup_python, [str(project.backup_python), "-m", "bedplate.backup", *arguments], environment)


def credentials(environment: dict[str, str]) -> Path:
    """Return the file with the credentials for Google Cloud Storage: outside of the checkout, one per project."""
    folder = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "google_storage"
    return folder / environment.get("COMPOSE_PROJECT_NAME", "app") / "credentials.json"


def _install_packages(project: Project) -> None:
    if packages.current(project.backup_environment, project.backup_requirements).is_current():
        return
    sys.stderr.write("Installing the packages of the backup system, once …\n")  # standard output is the command's
    project.data.mkdir(parents=True, exist_ok=True)
    with (project.data / "google_storage.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with process_group(os.environ, log=project.data / "google_storage.log", lock=lock.fileno()) as group:
            packages.install(project.backup_environment, project.backup_requirements, group)
