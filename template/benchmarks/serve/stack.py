"""A Compose project for measuring: separate volumes and networks, no published port, removed at the end."""

import fcntl
import json
import logging
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from servers import HTTPS, PROJECT, SHIPPED, Server, compose_file

ROOT: Final = Path(__file__).resolve().parents[3]

# In nanoseconds, of a container's own control group, version 1 or 2.
CPU_TIME: Final = (
    "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null"
    r" || sed -n 's/^usage_usec \(.*\)/\1000/p' /sys/fs/cgroup/cpu.stat"
)

log = logging.getLogger(__name__)


class BenchmarkError(Exception):
    """A measurement that cannot be made; the message says why."""


def last_json(output: str) -> Any:
    """Return the JSON value on the last line of a command's output."""
    return json.loads(output.rstrip().rpartition("\n")[2])


@dataclass(frozen=True)
class Stack:
    """The running project, through `docker` in its folder."""

    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Return the started docker command, its input and output connected. Raise BenchmarkError without docker."""
        docker = shutil.which("docker")
        if docker is None:
            raise BenchmarkError("docker is not on PATH: install Docker Engine and Compose v2")
        pipe = subprocess.PIPE
        return subprocess.Popen([docker, *arguments], cwd=self.folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def finish(self, process: subprocess.Popen[str]) -> str:
        """End the command's input, and return its output. Raise BenchmarkError if it failed."""
        output, errors = process.communicate()
        if process.returncode:
            last_lines = "\n".join((output + errors).splitlines()[-20:])
            raise BenchmarkError(f"this failed: {process.args!r}\n{last_lines}")
        return output

    def docker(self, *arguments: str) -> str:
        """Return the output of a docker command. Raise BenchmarkError, with its last lines, if it fails."""
        return self.finish(self.start(*arguments))

    def compose(self, *arguments: str) -> str:
        """Return the output of a docker compose command."""
        return self.docker("compose", *arguments)

    def run(self, service: str, *command: str) -> str:
        """Return the output of a command in a service's container."""
        return self.compose("exec", "-T", service, *command)

    def containers(self) -> list[str]:
        """Return the ids of all running containers."""
        return self.compose("ps", "--quiet").split()

    def cpu_seconds(self, containers: Sequence[str]) -> float:
        """Return the CPU time of the containers so far."""
        asked = [self.start("exec", container, "sh", "-c", CPU_TIME) for container in containers]
        return sum(int(self.finish(process)) for process in asked) / 1e9

    def cores(self) -> int:
        """Return the number of the engine's cores."""
        return int(self.run("load", "nproc"))


@contextmanager
def running(others: Sequence[Server]) -> Iterator[Stack]:
    """Yield the stack with the shipped server and the others: built, healthy, its table filled."""
    servers = [SHIPPED, *others]
    with exclusive_lock(), tempfile.TemporaryDirectory(prefix=PROJECT) as folder:
        stack = Stack(Path(folder))
        write(stack.folder, servers)
        try:
            build(stack)
            bring_up(stack, servers)
            yield stack
        finally:
            stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "2")


@contextmanager
def exclusive_lock() -> Iterator[None]:
    """Hold the exclusive lock: two runs would remove each other's containers. Raise BenchmarkError while one runs."""
    with (Path(tempfile.gettempdir()) / f"{PROJECT}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchmarkError("another run of the benchmark is under way: wait for its end") from None
        yield


def write(folder: Path, servers: Sequence[Server]) -> None:
    """Put the project's services, an .env, and the Compose file for the servers into the folder."""
    for name in ("services.yml", "web", "nginx"):
        (folder / name).symlink_to(ROOT / name)
    variables = {
        "COMPOSE_PROJECT_NAME": PROJECT,
        "ENVIRONMENT": "prod",
        "SECRET_KEY": secrets.token_hex(32),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    (folder / "compose.yaml").write_text(json.dumps(compose_file(servers), indent=2))


def build(stack: Stack) -> None:
    """Build the images under test, and those of the load."""
    log.info("building the images")
    stack.compose("build", SHIPPED.web, SHIPPED.nginx, "load")
    stack.compose("build", "gunicorn")  # on top of the first


def bring_up(stack: Stack, servers: Sequence[Server]) -> None:
    """Start everything, and fill the table."""
    log.info("starting %d servers", len(servers))
    stack.compose("up", "--detach", "--wait", "--no-build", "postgres", "valkey", "cache")
    stack.compose("run", "--rm", "-T", SHIPPED.web, "python", "-m", "one_query_page.prepare")
    publish = ("python", "manage.py", "publish_static_files", "/srv/static")
    stack.compose("run", "--rm", "-T", "--volume", f"{PROJECT}_static_files:/srv/static", SHIPPED.web, *publish)
    up = ("up", "--detach", "--wait", "--no-build")
    stack.compose(*up, *(server.web for server in servers), "load")
    # Now, and not beside them: an nginx that does not find its application at the start tries again after seconds.
    stack.compose(*up, HTTPS, *(server.nginx for server in servers))
