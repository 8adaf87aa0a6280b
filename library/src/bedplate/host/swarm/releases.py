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
from bedplate.host.programs import attempt, output
from bedplate.host.steps import CommandError
from bedplate.host.swarm.rendering import RELEASE_LABEL
from bedplate.host.swarm.versions import LABEL, LONGEST_NAME

LOCK_LABEL: Final = "bedplate.deploy"


def _project() -> str:
    return env_file.get("COMPOSE_PROJECT_NAME")


def _name(release: str) -> str:
    end = f"_stack_{sha256(release.encode()).hexdigest()[:16]}"
    return _project()[: LONGEST_NAME - len(end)] + end


def store(release: str, stack: Mapping[str, Any]) -> None:
    """Store the stack of a release; an earlier attempt with the same name is replaced."""
    text = json.dumps(stack, sort_keys=True)
    attempt(["docker", "config", "rm", _name(release)])
    labels = ("--label", f"{LABEL}={_project()}", "--label", f"{RELEASE_LABEL}={release}")
    _create(*labels, _name(release), text=text)


def find(release: str) -> dict[str, Any] | None:
    """Return the stack of a release; None if it was never deployed here, or is forgotten."""
    result = attempt(["docker", "config", "inspect", "--format", "{{json .Spec.Data}}", _name(release)])
    if result.returncode != 0:
        return None
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(result.stdout)))
    return found


def forget(kept: set[str]) -> None:
    """Remove the stacks of other releases."""
    command = ["docker", "config", "ls", "--filter", f"label={LABEL}={_project()}", "--format", "{{.Name}}"]
    for name in set(output(command).split()) - {_name(release) for release in kept} - {_lock_name()}:
        attempt(["docker", "config", "rm", name])


def _lock_name() -> str:
    end = "_deploy_runs"
    return _project()[: LONGEST_NAME - len(end)] + end


@contextmanager
def locked() -> Iterator[None]:
    """Hold the swarm's lock: one deploy at a time, from whichever manager. Raise AbortError if another one has it."""
    here = f"{socket.gethostname()} ({output(['docker', 'info', '--format', '{{.Swarm.NodeID}}']).strip()})"
    took = f"{here} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if attempt(["docker", "config", "inspect", _lock_name()]).returncode == 0:
        command = [
            "docker",
            "config",
            "inspect",
            "--format",
            f'{{{{index .Spec.Labels "{LOCK_LABEL}"}}}}',
            _lock_name(),
        ]
        holder = attempt(command).stdout.strip()
        # This folder's own lock is held here: the holder on this machine was killed.
        if not holder.startswith(f"{here} since "):
            raise AbortError(
                f"another deploy of this project runs, on {holder}.",
                f"Wait until it ends. If it was killed: docker config rm {_lock_name()}",
            )
        attempt(["docker", "config", "rm", _lock_name()])
    try:
        _create("--label", f"{LABEL}={_project()}", "--label", f"{LOCK_LABEL}={took}", _lock_name(), text=took)
    except CommandError:
        raise AbortError("another deploy of this project has just begun.", "Wait until it ends.") from None
    try:
        yield
    finally:
        attempt(["docker", "config", "rm", _lock_name()])


def _create(*options: str, text: str) -> None:
    command = ["docker", "config", "create", *options, "-"]
    result = subprocess.run(command, input=text.encode(), cwd=ROOT, capture_output=True, check=False)
    if result.returncode != 0:
        raise CommandError(f"{' '.join(command)} failed: {result.stderr.decode(errors='replace').strip()}")
