"""The web server and the worker, in the foreground."""

import http.client
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bedplate.host.console import say
from bedplate.host.embedded.processes import Group
from bedplate.host.embedded.project import Project
from bedplate.host.errors import HostError

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 20  # a running task gets ten of them, then it is requeued
THREADS: Final = 4
TASKS_AT_ONCE: Final = 2


def web_command(python: Path, port: int) -> list[str | Path]:
    """Return the web server's command."""
    address = ["--host", "127.0.0.1", "--port", str(port)]
    options = ["--interface", "wsgi", "--no-ws", "--blocking-threads", str(THREADS)]
    return [python, "-m", "granian", *address, *options, "config.wsgi:application"]


def worker_command(python: Path) -> list[str | Path]:
    """Return the worker's command; as the only worker it does not look for others."""
    options = ["--concurrency", str(TASKS_AT_ONCE), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [python, "-m", "celery", "--quiet", "--app", "config", "worker", "--loglevel", "INFO", *options]


@dataclass
class Services:
    """Web and worker: their processes, by name, in the order in which they stop."""

    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _printers: list[threading.Thread] = field(default_factory=list)
    _shown: threading.Event = field(default_factory=threading.Event)

    def start(self, project: Project, group: Group, *, port: int) -> None:
        """Start both and return when the site is ready; their output is held back until `show`."""
        self._start("web", web_command(project.python, port), project, group)
        self._start("worker", worker_command(project.python), project, group)
        self._wait_until_ready(port)

    def _start(self, name: str, command: list[str | Path], project: Project, group: Group) -> None:
        process = self.processes[name] = group.start(command, folder=project.web)
        printer = threading.Thread(target=self._print, args=(name, process.stdout or ()), daemon=True)
        printer.start()
        self._printers.append(printer)

    def _print(self, name: str, output: Iterable[bytes]) -> None:
        for line in output:
            self._shown.wait()
            say(f"{name:<6} | {line.decode(errors='replace').rstrip()}")

    def show(self) -> None:
        """Print the output from here on."""
        self._shown.set()

    def _wait_until_ready(self, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not (answer := readiness(port)).startswith("200"):
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise HostError(
                    f"the site was not ready after {READY_SECONDS} s; /health/ready answered {answer}.",
                    "See the lines of web and worker above; fix the cause, then run this again.",
                )
            time.sleep(0.05)

    def watch(self) -> None:
        """Wait forever. Raise HostError if one of them ends by itself."""
        while True:
            self.raise_if_ended()
            time.sleep(0.2)

    def raise_if_ended(self) -> None:
        """Raise HostError if one of them no longer runs."""
        for name, process in self.processes.items():
            if (status := process.poll()) is not None:
                raise HostError(
                    f"{name} ended by itself ({describe(status)}), so everything is stopped.",
                    f"See the last lines of {name} above; fix the cause, then run this again.",
                )

    def stop(self) -> None:
        """Stop them in order: first web, then the worker."""
        self.show()
        say()
        for name, process in self.processes.items():
            if process.poll() is None:
                say(f"Stopping {name}.")
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
        for printer in self._printers:
            printer.join(timeout=1)


def readiness(port: int) -> str:
    """Return the response of /health/ready, beginning with the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return f"{response.status} {response.read().decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
    finally:
        connection.close()


def describe(status: int) -> str:
    """Return how a process ended, from its return code."""
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
