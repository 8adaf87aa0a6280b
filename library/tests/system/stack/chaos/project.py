"""The chaos stack as a separate Compose project: create it, query it, kill parts of it, remove it."""

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

from stack.chaos.processes import CommandResult
from stack.signing import trust_key

FILE: Final = "chaos.yml"
OVERRIDE: Final = "chaos.override.yml"
TOOL: Final = ("python", "-m", "bedplate.backup")


@dataclass(frozen=True, kw_only=True)
class ChaosStack:
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
        """Return the live database's answer."""
        return str(self.ask("query", sql=sql))

    def run(
        self, command: Sequence[str], *, variables: Mapping[str, str] | None = None, **options: Any
    ) -> CommandResult:
        """Return the result of a command in the cron container (see `processes.run`)."""
        return CommandResult(**self.ask("run", command=command, variables=variables or {}, **options))

    def tool(self, *arguments: str, variables: Mapping[str, str] | None = None, **options: Any) -> CommandResult:
        """Return the result of the backup system, started with these arguments."""
        return self.run([*TOOL, *arguments], variables=variables, **options)

    def run_checked(
        self, command: Sequence[str], *, variables: Mapping[str, str] | None = None, **options: Any
    ) -> CommandResult:
        """Return the result of a command in the cron container; fail unless it succeeds."""
        ended = self.run(command, variables=variables, **options)
        assert ended.status == 0, f"{' '.join(command)} exited with {ended.status}:\n{ended.output[-3000:]}"
        return ended

    def kill(self, service: str) -> None:
        """Kill all of a service's processes at once, as a failing machine would, and start it again."""
        container = self.container(service)
        run("docker", "kill", container)
        run("docker", "start", container)

    def container(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.project}-{service}-1"

    def wait_until_ready(self) -> None:
        """Return when both servers answer, and no work for killed commands is left."""
        wait_until(lambda: self.ask("ready"), limit=60, what="PostgreSQL and the store answer, and are at rest")


@contextmanager
def chaos_stack(*, override: str = "") -> Iterator[ChaosStack]:
    """Create a stack from a copy of this checkout, with an empty database; remove all of it at the end.

    `override` is the text of an additional Compose file.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory, project = copy_checkout(Path(folder) / "checkout"), unique_slug()
        _write_settings(directory, project)
        trust_key(directory, f"{project}/dev")
        (directory / OVERRIDE).write_text(override or "services: {}\n")
        compose = ("docker", "compose", f"--file={FILE}", f"--file={OVERRIDE}")
        try:
            run(*compose, "build", "cron", "verifier", directory=directory, limit=900)
            run(*compose, "up", "--detach", "--wait", "--no-build", directory=directory, limit=300)
            with _agent(directory, project) as agent:
                yield ChaosStack(directory=directory, project=project, agent=agent)
        finally:
            run(*compose, "down", "--volumes", "--remove-orphans", "--timeout=2", directory=directory)
            run("docker", "image", "rm", "--force", f"{project}-cron:local", f"{project}-verifier:local")


def _write_settings(directory: Path, project: str) -> None:
    shutil.copy(directory / "library/tests/system/stack/chaos/compose.yml", directory / FILE)
    variables = {
        "COMPOSE_PROJECT_NAME": project,
        "SECRET_KEY": secrets.token_hex(32),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
    }
    (directory / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


@contextmanager
def _agent(directory: Path, project: str) -> Iterator["subprocess.Popen[str]"]:
    command = ["docker", "exec", "--interactive", f"{project}-cron-1", "python", "-m", "stack.chaos.agent"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=directory, env=clean_environment(), stdin=pipe, stdout=pipe, text=True) as agent:
        yield agent
