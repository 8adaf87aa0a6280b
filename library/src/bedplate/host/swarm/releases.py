"""The deployed stacks, stored in the swarm as configs: every manager can read them. And the lock of a deploy."""

import base64
import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from bedplate.host import ROOT
from bedplate.host.configuration import env_file
from bedplate.host.errors import AbortError
from bedplate.host.programs import attempt, failure, output
from bedplate.host.steps import CommandError
from bedplate.host.swarm.machines import machines
from bedplate.host.swarm.rendering import RELEASE_LABEL
from bedplate.host.swarm.versions import LABEL, LONGEST_NAME

LOCK_LABEL: Final = "bedplate.deploy"


def _project() -> str:
    return env_file.get("COMPOSE_PROJECT_NAME")


def name_of(release: str) -> str:
    """Return the name of the config that has the stack of a release."""
    end = f"_stack_{sha256(f'{_project()} {release}'.encode()).hexdigest()[:16]}"
    return _project()[: LONGEST_NAME - len(end)] + end


def store(release: str, stack: Mapping[str, Any]) -> None:
    """Store the stack of a release; an earlier attempt with the same name is replaced."""
    text = json.dumps(stack, sort_keys=True)
    attempt(["docker", "config", "rm", name_of(release)])
    labels = ("--label", f"{LABEL}={_project()}", "--label", f"{RELEASE_LABEL}={release}")
    _create(*labels, name_of(release), text=text)


def find(release: str) -> dict[str, Any] | None:
    """Return the stack of a release; None if it was never deployed here, or is forgotten.

    Raise HostError if the swarm does not say.
    """
    command = ["docker", "config", "inspect", "--format", "{{json .Spec.Data}}", name_of(release)]
    result = attempt(command)
    if result.returncode != 0:
        if result.stderr.rstrip().endswith("not found") or "no such config" in result.stderr.lower():
            return None
        raise failure(command, result.returncode, result.stderr)
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(result.stdout)))
    return found


def forget(kept: set[str]) -> None:
    """Remove the stacks of other releases."""
    command = ["docker", "config", "ls", "--filter", f"label={LABEL}={_project()}", "--format", "{{.Name}}"]
    for name in set(output(command).split()) - {name_of(release) for release in kept} - {_lock_name()}:
        attempt(["docker", "config", "rm", name])


def _lock_name() -> str:
    return f"{_project()}_deploy_runs"


@contextmanager
def locked() -> Iterator[None]:
    """Hold the swarm's lock: one deploy at a time, from whichever manager. Raise AbortError if another one has it."""
    node = output(["docker", "info", "--format", "{{.Swarm.NodeID}}"]).strip()
    here = f"{socket.gethostname()} ({node}, {ROOT})"
    took = f"{here} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if (holder := _holder()).startswith(f"{here} since "):
        # This folder's own lock is held here: the holder was killed.
        attempt(["docker", "config", "rm", _lock_name()])
    elif holder:
        raise _is_held(holder)
    try:
        _create("--label", f"{LABEL}={_project()}", "--label", f"{LOCK_LABEL}={took}", _lock_name(), text=took)
    except CommandError:
        if holder := _holder():
            raise _is_held(holder) from None
        machines()  # says it if most managers have just been lost
        raise
    try:
        yield
    finally:
        attempt(["docker", "config", "rm", _lock_name()])


def _holder() -> str:
    """Return who holds the lock; empty if it is free."""
    label = f'{{{{index .Spec.Labels "{LOCK_LABEL}"}}}}'
    result = attempt(["docker", "config", "inspect", "--format", label, _lock_name()])
    return result.stdout.strip() if result.returncode == 0 else ""


def _is_held(holder: str) -> AbortError:
    return AbortError(
        f"another deploy, rotation or restore of this project runs, on {holder}.",
        f"Wait until it ends. If it was killed: docker config rm {_lock_name()}",
    )


def _create(*options: str, text: str) -> None:
    command = ["docker", "config", "create", *options, "-"]
    result = subprocess.run(command, input=text.encode(), cwd=ROOT, capture_output=True, check=False)
    if result.returncode != 0:
        raise CommandError(f"{' '.join(command)} failed: {result.stderr.decode(errors='replace').strip()}")
