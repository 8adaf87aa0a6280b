"""The secrets of a server, as listed below `secrets:` in the Compose files of its environment."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bedplate.host import ROOT
from bedplate.host.configuration import compose_text, env_file
from bedplate.host.configuration.environment import Environment
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt

FOLDER: Final = ROOT / "secrets"
POSTGRES: Final = "postgres_server_password"  # PostgreSQL's own user reads it
LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,3}")
FORM: Final = re.compile(r".*://.*:SECRET@.+")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A file of the folder secrets/ that a service reads."""

    name: str
    length: int
    """The minimum number of characters; 0 if it is not generated here."""
    form: str
    """The format, with SECRET in the place of the secret part; empty if there is no other part."""
    hashes_of: str
    """The secret whose hashes it contains, or empty."""

    @property
    def is_derived(self) -> bool:
        """True if it is derived from another secret: PostgreSQL's copy, and hashes."""
        return self.name == POSTGRES or bool(self.hashes_of)


def read_secrets(environment: Environment) -> dict[str, Secret]:
    """Return the secrets of the environment by name. Raise AbortError if the list is invalid."""
    command, variables = config_command(environment)
    result = attempt(command, environment={**os.environ, **variables})
    if result.returncode != 0:
        last = (result.stdout + result.stderr).strip().rpartition("\n")[2]
        raise AbortError(
            f"Docker Compose cannot read {environment.file}:",
            last,
            f"Correct the file. To see it as Compose does: docker compose --file {environment.file} config",
        )
    return listed(compose_text.parse(result.stdout), environment)


def config_command(environment: Environment) -> tuple[list[str], dict[str, str]]:
    """Return the command that prints the configuration, and its variables: of `.env`, or of the future `.env`."""
    if env_file.FILE.exists():
        return ["docker", "compose", "config"], {"COMPOSE_FILE": env_file.get("COMPOSE_FILE")}
    command = ["docker", "compose", "--env-file", ".env.example", "config"]
    return command, {"DOTENV": ".env.example", "COMPOSE_FILE": environment.first_files}


def listed(config: Mapping[str, Any], environment: Environment) -> dict[str, Secret]:
    """Return the secrets that are files in secrets/. Others are the team's own."""
    secrets = dict(_secrets(config.get("secrets") or {}, environment))
    if not secrets:
        raise AbortError(
            f"{environment.file} names no secret of the folder secrets/.",
            "Restore its list of secrets, with secret_key and the others.",
        )
    for secret in secrets.values():
        if secret.hashes_of and not (secrets.get(secret.hashes_of) and secrets[secret.hashes_of].form):
            raise AbortError(
                f"x-hashes-of of {secret.name} is '{secret.hashes_of}' in {environment.file}: that has no x-form.",
                "Name the secret whose SECRET the server accepts.",
            )
    return secrets


def _secrets(entries: Mapping[str, Any], environment: Environment) -> Iterator[tuple[str, Secret]]:
    for name, entry in entries.items():
        if (entry.get("file") or "").replace("$$", "$") != str(FOLDER / name):
            continue
        length, form = str(entry.get("x-length", 0)), str(entry.get("x-form", "")).replace("$$", "$")
        if not LENGTH.fullmatch(length):
            raise AbortError(
                f"x-length of the secret {name} is '{length}' in {environment.file}: not a length.",
                "Write the minimum number of characters: x-length: 32",
            )
        if form and not FORM.fullmatch(form):
            raise AbortError(
                f"x-form of the secret {name} in {environment.file} is no address with SECRET in it.",
                'For example: x-form: "redis://queue:SECRET@valkey:6379"',
            )
        yield name, Secret(name=name, length=int(length), form=form, hashes_of=str(entry.get("x-hashes-of", "")))
