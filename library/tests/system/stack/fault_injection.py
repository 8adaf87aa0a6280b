"""Fault injection: interrupted commands, killed processes (`docker kill` would count as a stop), taken addresses."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bedplate.testing.compose import Stack, attempt, clean_environment, run, wait_until
from bedplate.testing.server import Server

OURS: Final = "FROM operations_taskrun WHERE name LIKE 'tasks_for_tests.%'"
SHELL: Final = ("python", "manage.py", "shell", "--no-imports", "--command")
MOUNTED: Final = Path(__file__).parent / "mounted"
# The first process is Docker's `init`, its child the service's main process, and the children of that the workers.
MAIN: Final = "main=$(cat /proc/1/task/1/children)"
KILL_MAIN: Final = f"{MAIN} && kill -9 $main"
KILL_ONE_WORKER: Final = f"{MAIN} && set -- $(cat /proc/${{main% }}/task/${{main% }}/children) && kill -9 $1"


def interrupt_at(*command: str | Path, said: str, number: signal.Signals, console: Path) -> int:
    """Run the command, send it the signal once the text is on its console, and return its exit status."""
    with console.open("w") as output:
        process = subprocess.Popen(
            command,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        wait_until(lambda: said in console.read_text() or process.poll() is not None, limit=180, what=said)
        assert process.poll() is None, console.read_text()
        os.killpg(process.pid, number)
        return process.wait(timeout=120)


def stop_in_step(site: Server, step: str, number: signal.Signals, console: Path) -> int:
    """Deploy, send the signal once this step is on its console, and return its exit status."""
    command = (site.directory / "bedplate", "deploy", "--yes", "--no-backup")
    return interrupt_at(*command, said=step, number=number, console=console)


def kill_main_process(stack: Stack, service: str, *, which: int = 0) -> None:
    """Kill the main process of a service's container with SIGKILL; return when Docker has restarted the container."""
    identifier = stack.compose("ps", "--quiet", service).split()[which]
    before = restarts(identifier)
    # The container ends under the command that kills it: the command's status means nothing.
    attempt("docker", "exec", identifier, "sh", "-c", KILL_MAIN)
    wait_until(lambda: restarts(identifier) > before, limit=30, what=f"{service} has been started again")


def kill_one_worker(stack: Stack, service: str) -> None:
    """Kill one of the child processes of the service's main process."""
    stack.exec(service, "sh", "-c", KILL_ONE_WORKER)


def restarts(container: str) -> int:
    """Return how often Docker has restarted the container by itself."""
    return int(run("docker", "inspect", "--format", "{{.RestartCount}}", container))


@contextmanager
def tasks_for_tests(server: Server, *, workers: int = 1) -> Iterator[tuple[str, ...]]:
    """Run `workers` workers that also know `mounted/tasks_for_tests.py`; yield the Compose options for them.

    Remove what they wrote at the end. Earlier tasks are deleted first: those of many load clients would take minutes.
    """
    server.exec("celery", "celery", "--app", "config", "purge", "--force")
    server.query("DELETE FROM operations_taskrun")
    service: dict[str, Any] = json.loads(server.compose("config", "--format", "json"))["services"]["celery"]
    override = {
        "command": [*service["command"], "--include=tasks_for_tests"],
        "volumes": [f"{MOUNTED / 'tasks_for_tests.py'}:/app/tasks_for_tests.py:ro"],
    }
    path = server.directory / "tasks_for_tests.json"  # which is YAML, too
    path.write_text(json.dumps({"services": {"celery": override}}))
    options = ("-f", f"{server.environment}.yml", "-f", path.name)
    server.query("CREATE TABLE written (number integer)")
    try:
        server.compose(*options, "up", "--detach", "--wait", "--no-deps", "--scale", f"celery={workers}", "celery")
        yield options
    finally:
        path.unlink()
        server.restore()
        server.query(f"DROP TABLE written; DELETE {OURS}")


def write_all(server: Server, options: tuple[str, ...], number: int) -> None:
    """Start `number` tasks that write a row each, from a separate container, which outlives the others."""
    start = (*SHELL, f"from tasks_for_tests import write_all; write_all({number})")
    server.compose(*options, "run", "--rm", "--no-deps", "--no-TTY", "celery", *start, limit=900)


def have_all_ended(server: Server) -> bool:
    """Return whether none of these tasks is queued or running."""
    return server.query(f"SELECT count(*) {OURS} AND state IN ('queued', 'running')").strip() == "0"


@contextmanager
def occupied(stack: Stack, address: str) -> Iterator[None]:
    """Start containers until one of them has this free address of the stack's network."""
    image = stack.containers()["nginx"]["Config"]["Image"]
    options = ("--detach", "--network", stack.network, "--entrypoint", "sleep", image, "300")
    squatters: list[str] = []
    try:
        while address not in addresses(squatters):
            assert len(squatters) < 10, f"no container is given {address}"
            squatters.append(run("docker", "run", *options).strip())
        yield
    finally:
        run("docker", "rm", "--force", *squatters)


def addresses(containers: list[str]) -> list[str]:
    """Return the address of each container."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run("docker", "inspect", "--format", template, *containers).split() if containers else []
