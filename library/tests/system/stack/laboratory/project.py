"""The laboratory as a Compose project of its own: made, asked, killed in parts, removed."""

import json
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bedplate.testing.checkout import copy_checkout, unique_slug
from bedplate.testing.compose import clean_environment, run, wait_until

from stack.laboratory.processes import Ended

FILE: Final = "laboratory.yml"
OVERRIDE: Final = "laboratory.override.yml"
TOOL: Final = ("python", "-m", "bedplate.backup")


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """The running project, and the agent in its cron container."""

    directory: Path
    project: str
    agent: "subprocess.Popen[str]"

    def ask(self, question: str, **arguments: Any) -> Any:
        """Return the agent's answer; fail with its error."""
        assert self.agent.stdin is not None
        assert self.agent.stdout is not None
        self.agent.stdin.write(json.dumps([question, arguments]) + "\n")
        self.agent.stdin.flush()
        reply = json.loads(self.agent.stdout.readline() or '{"error": "the agent has ended"}')
        assert "error" not in reply, f"{question}: {reply['error']}"
        return reply["answer"]

    def query(self, sql: str) -> str:
        """Return what the live database answers."""
        return str(self.ask("query", sql=sql))

    def run(self, command: Sequence[str], *, variables: Mapping[str, str] | None = None, **options: Any) -> Ended:
        """Return how a command in the cron container ended (see `processes.run`)."""
        return Ended(**self.ask("run", command=command, variables=variables or {}, **options))

    def tool(self, *arguments: str, variables: Mapping[str, str] | None = None, **options: Any) -> Ended:
        """Return how the backup system ended, started with these arguments."""
        return self.run([*TOOL, *arguments], variables=variables, **options)

    def run_well(self, command: Sequence[str], *, variables: Mapping[str, str] | None = None, **options: Any) -> Ended:
        """Return how a command in the cron container ended, which must be well."""
        ended = self.run(command, variables=variables, **options)
        assert ended.status == 0, f"{' '.join(command)} exited with {ended.status}:\n{ended.output[-3000:]}"
        return ended

    def kill(self, service: str) -> None:
        """End all of a service's processes at once, as a failing machine would, and start it again."""
        container = self.container(service)
        run("docker", "kill", container)
        run("docker", "start", container)

    def container(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.project}-{service}-1"

    def wait_until_ready(self) -> None:
        """Return when both servers answer, and do nothing more for commands that were killed."""
        wait_until(lambda: self.ask("ready"), limit=60, what="PostgreSQL and the store answer, and are at rest")


@contextmanager
def laboratory(*, override: str = "") -> Iterator[Laboratory]:
    """Make a laboratory of a copy of this checkout, with an empty database; at the end nothing of it remains.

    `override` is a Compose file that comes on top.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory, project = copy_checkout(Path(folder) / "checkout"), unique_slug()
        _write_settings(directory, project)
        (directory / OVERRIDE).write_text(override or "services: {}\n")
        compose = ("docker", "compose", f"--file={FILE}", f"--file={OVERRIDE}")
        try:
            run(*compose, "build", "cron", "verifier", directory=directory, limit=900)
            run(*compose, "up", "--detach", "--wait", "--no-build", directory=directory, limit=300)
            with _agent(directory, project) as agent:
                yield Laboratory(directory=directory, project=project, agent=agent)
        finally:
            run(*compose, "down", "--volumes", "--remove-orphans", "--timeout=2", directory=directory)
            run("docker", "image", "rm", "--force", f"{project}-cron:local", f"{project}-verifier:local")


def _write_settings(directory: Path, project: str) -> None:
    shutil.copy(directory / "library/tests/system/stack/laboratory/compose.yml", directory / FILE)
    variables = {
        "COMPOSE_PROJECT_NAME": project,
        "SECRET_KEY": secrets.token_hex(32),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
    }
    (directory / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


@contextmanager
def _agent(directory: Path, project: str) -> Iterator["subprocess.Popen[str]"]:
    command = ["docker", "exec", "--interactive", f"{project}-cron-1", "python", "-m", "stack.laboratory.agent"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=directory, env=clean_environment(), stdin=pipe, stdout=pipe, text=True) as agent:
        yield agent
