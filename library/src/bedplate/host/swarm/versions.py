"""The secrets in the swarm: each version has its own name, because Swarm never changes one.

The name has a digest of the content, keyed with secrets/.swarm_key: who sees the names cannot try passwords on them.
"""

import hmac
import json
import secrets as random
import subprocess
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.configuration.secret_list import FOLDER
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, output
from bedplate.host.steps import CommandError

KEY: Final = ".swarm_key"
LARGEST: Final = 500 * 1024  # bytes, of a secret in a swarm
LONGEST_NAME: Final = 64
LABEL: Final = "bedplate.project"


def check_sizes(names: Iterable[str]) -> None:
    """Raise AbortError if a secret is too large for a swarm."""
    for name in names:
        if (FOLDER / name).exists() and (size := (FOLDER / name).stat().st_size) >= LARGEST:
            raise AbortError(
                f"secrets/{name} has {size // 1024} kB: a swarm takes less than {LARGEST // 1024} kB.",
                "Shorten it, or store what is in it elsewhere, and its address here.",
            )


def create(secrets: Iterable[str]) -> dict[str, str]:
    """Create the versions that the swarm does not have; return the name of each secret's version."""
    if not (FOLDER / KEY).exists():
        env_file.replace(random.token_hex(32), FOLDER / KEY)
    key = (FOLDER / KEY).read_bytes()
    names = {}
    present = set(output(["docker", "secret", "ls", "--format", "{{.Name}}"]).split())
    for name in secrets:
        content = (FOLDER / name).read_bytes() if (FOLDER / name).exists() else b""
        content = content or b"\n"  # a swarm takes no empty one; the application reads both as not set
        names[name] = version_name(name, content, key)
        if names[name] not in present:
            _create(names[name], content)
    return names


def version_name(name: str, content: bytes, key: bytes) -> str:
    """Return the name of a version: project, secret, digest; of at most 64 characters."""
    named = f"{env_file.get('COMPOSE_PROJECT_NAME')}_{name}"
    end = f"_{hmac.new(key, named.encode() + b'=' + content, sha256).hexdigest()[:12]}"
    return named[: LONGEST_NAME - len(end)] + end


def _create(name: str, content: bytes) -> None:
    label = f"{LABEL}={env_file.get('COMPOSE_PROJECT_NAME')}"
    command = ["docker", "secret", "create", "--label", label, name, "-"]
    result = subprocess.run(command, input=content, cwd=ROOT, capture_output=True, check=False)
    if result.returncode != 0:
        raise CommandError(f"{' '.join(command)} failed: {result.stderr.decode(errors='replace').strip()}")


def remove_unused(kept: Iterable[Mapping[str, Any]]) -> None:
    """Remove the versions that none of these stacks names. Swarm refuses to remove one that is in use."""
    needed = {secret["name"] for stack in kept for secret in stack["secrets"].values()}
    label = f"label={LABEL}={env_file.get('COMPOSE_PROJECT_NAME')}"
    listed = output(["docker", "secret", "ls", "--filter", label, "--format", "{{json .}}"])
    for line in listed.splitlines():
        if (name := json.loads(line)["Name"]) not in needed:
            attempt(["docker", "secret", "rm", name])
