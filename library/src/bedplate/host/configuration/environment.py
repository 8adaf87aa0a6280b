"""The environment of this folder: LOCAL, DEV or PROD."""

import os
from dataclasses import dataclass

from bedplate.host.configuration import env_file
from bedplate.host.errors import AbortError
from bedplate.host.user import user_name

BY_FILE = {"dev.yml": "dev", "prod.yml": "prod", "": "local", "docker-compose.yml": "local"}


@dataclass(frozen=True)
class Environment:
    """An environment: local, dev or prod."""

    name: str

    @property
    def is_server(self) -> bool:
        """True for DEV and PROD."""
        return self.name != "local"

    @property
    def label(self) -> str:
        """The name for messages."""
        return self.name.upper()

    @property
    def file(self) -> str:
        """The name of its Compose file."""
        return f"{self.name}.yml" if self.is_server else "docker-compose.yml"

    @property
    def first_files(self) -> str:
        """The Compose files of a first install: its own, and the team's that the shell names after it."""
        files = os.environ.get("COMPOSE_FILE", "")
        return files if files.startswith(f"{self.file}:") else self.file


def find_environment(requested: str = "") -> Environment:
    """Return the environment in `.env`, else the requested one, else LOCAL. Raise AbortError if the two differ."""
    if not env_file.FILE.exists():
        return Environment(requested or "local")
    if not os.access(env_file.FILE, os.R_OK):
        raise AbortError(
            f"you may not read .env; you are {user_name()}.",
            "Run this as its owner. If it is yours, make it readable for you: chmod 600 .env",
        )
    files = env_file.get("COMPOSE_FILE")
    name = BY_FILE.get(files.partition(":")[0])
    if name is None:
        raise AbortError(
            f"COMPOSE_FILE in .env is '{files}': which environment is that?",
            "Its first file must be prod.yml, dev.yml or docker-compose.yml, of this folder.",
            "Files of your own follow it, in any folder: COMPOSE_FILE=prod.yml:ours/more.yml",
        )
    if requested and requested != name:
        raise AbortError(
            f"this folder is {name.upper()} already (its .env says so), not {requested.upper()}.",
            f"Clone the project into a separate folder for {requested.upper()}. "
            "One machine can have both, with different names and ports.",
        )
    return Environment(name)
