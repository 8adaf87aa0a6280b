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

from bedplate.host.embedded import EmbeddedError
from bedplate.host.embedded.console import say
from bedplate.host.embedded.processes import Command, Group
from bedplate.host.embedded.project import Project

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 20  # a running task gets ten of them, then goes back into the queue
THREADS: Final = 4
TASKS_AT_ONCE: Final = 2


def web_command(python: Path, port: int) -> Command:
    """Return the web server's command."""
    address = ["--host", "127.0.0.1", "--port", str(port)]
    options = ["--interface", "wsgi", "--no-ws", "--blocking-threads", str(THREADS)]
    return [python, "-m", "granian", *address, *options, "config.wsgi:application"]


def worker_command(python: Path) -> Command:
    """Return the command of the worker, which is alone: it need not look for others."""
    options = ["--concurrency", str(TASKS_AT_ONCE), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [python, "-m", "celery", "--quiet", "--app", "config", "worker", "--loglevel", "INFO", *options]


@dataclass
class Services:
    """Web and worker: their processes, by name, in the order in which they stop."""

    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _printers: list[threading.Thread] = field(default_factory=list)
    _shown: threading.Event = field(default_factory=threading.Event)

    def start(self, project: Project, group: Group, *, port: int) -> None:
        """Start both and return when the site is ready; their output waits for `show`."""
        self._start("web", web_command(project.python, port), project, group)
        self._start("worker", worker_command(project.python), project, group)
        self._wait_until_ready(port)

    def _start(self, name: str, command: Command, project: Project, group: Group) -> None:
        process = self.processes[name] = group.start(command, folder=project.web)
        printer = threading.Thread(target=self._print, args=(name, process.stdout or ()), daemon=True)
        printer.start()
        self._printers.append(printer)

    def _print(self, name: str, output: Iterable[bytes]) -> None:
        for line in output:
            self._shown.wait()
            say(f"{name:<6} | {line.decode(errors='replace').rstrip()}")

    def show(self) -> None:
        """Let the output through to the console."""
        self._shown.set()

    def _wait_until_ready(self, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not (answer := readiness(port)).startswith("200"):
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the site was not ready after {READY_SECONDS} s; /health/ready answered {answer}.",
                    "Look at the lines of web and worker above; run this again once that is put right.",
                )
            time.sleep(0.05)

    def watch(self) -> None:
        """Wait for ever. Raise EmbeddedError if one of them ends by itself."""
        while True:
            self.raise_if_ended()
            time.sleep(0.2)

    def raise_if_ended(self) -> None:
        """Raise EmbeddedError if one of them is not running any more."""
        for name, process in self.processes.items():
            if (status := process.poll()) is not None:
                raise EmbeddedError(
                    f"{name} ended by itself ({describe(status)}), so everything is stopped.",
                    f"Look at the last lines of {name} above; run this again once that is put right.",
                )

    def stop(self) -> None:
        """End them in order: first what people reach, then what works for it."""
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
    """Return what /health/ready answers, the status first."""
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
