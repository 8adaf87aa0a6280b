"""`./install_embedded.sh` in a copy of the checkout, run at a terminal, and the site that it serves."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

LIMIT: Final = 120
SERVING: Final = "Ctrl-C stops both"


@dataclass(frozen=True)
class Process:
    """A running process."""

    pid: int
    parent: int
    command: str


def wait_for(condition: Callable[[], bool], *, what: str, limit: float = LIMIT) -> None:
    """Return once the condition holds. Fail after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        time.sleep(0.05)


def processes_of(folder: Path) -> list[Process]:
    """Return the running processes whose command line names the folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True)
    rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines() if str(folder) in line)
    return [Process(int(pid), int(parent), command) for pid, parent, command in rows]


def install(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the install to its end; its messages are in `stdout`."""
    return subprocess.run(
        [folder / "install_embedded.sh", *options],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=LIMIT,
    )


def google_storage(folder: Path, *arguments: str) -> str:
    """Return the standard output of `./google_storage.sh`; fail unless it succeeds."""
    completed = subprocess.run(
        [folder / "google_storage.sh", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=LIMIT,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout.strip()


def manage(folder: Path, program: str) -> str:
    """Return the output of a program in Django's shell."""
    return install(folder, "manage", "shell", "--no-imports", "--command", program).stdout


class Running:
    """The install in the foreground of a terminal, until it ends."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Start it; its process group is that of a terminal's foreground."""
        self.folder = folder
        self._pieces: list[str] = []
        self._process = subprocess.Popen(
            [folder / "install_embedded.sh", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """End it, and wait until none of its processes is left."""
        self._process.kill()
        self.wait()
        wait_for(lambda: not processes_of(self.folder), what="no process left", limit=20)

    @property
    def ended(self) -> bool:
        """True if it has ended."""
        return self._process.poll() is not None

    def started(self, program: str) -> Process:
        """Return its child process that runs this program."""
        [found] = [
            process
            for process in processes_of(self.folder)
            if process.parent == self._process.pid and program in process.command
        ]
        return found

    @property
    def output(self) -> str:
        """Its output so far."""
        return "".join(self._pieces)

    def wait_for_output(self, text: str) -> None:
        """Return once it has printed the text. Fail if it ends before."""
        wait_for(lambda: text in self.output or self.ended, what=f"said {text!r}")
        assert text in self.output, self.output

    def end(self, number: signal.Signals) -> int:
        """Send the signal to the terminal's foreground, as Ctrl-C does; return the exit status."""
        os.killpg(self._process.pid, number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit status once it has ended and all its output was read."""
        status = self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            while piece := os.read(output.fileno(), 65536):  # a step's line is shown before it is whole
                self._pieces.append(piece.decode(errors="replace"))


class Visitor:
    """An HTTP client with cookies, forms and their tokens, as a browser has."""

    def __init__(self, site: str) -> None:
        """Start without cookies at this address."""
        self.site = site
        self._browser: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        """Return the page."""
        return self._open(Request(f"{self.site}{path}"))

    def get_json(self, path: str) -> Any:
        """Return the data at this address."""
        return json.loads(self.get(path))

    def submit(self, path: str, *, to: str = "", **fields: str) -> str:
        """Fill in and send the form of that page, optionally to another address; return the page that follows."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path))
        assert token, f"no form at {path}"
        body = urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        return self._open(Request(f"{self.site}{to or path}", data=body, headers={"Referer": f"{self.site}{path}"}))

    def _open(self, request: Request) -> str:
        with self._browser.open(request, timeout=20) as response:
            text: str = response.read().decode()
        return text


def said(running: Running, name: str) -> str:
    """Return a value of the printed summary."""
    match = re.search(rf"^  {name} +(\S+)", running.output, re.MULTILINE)
    assert match, running.output
    return match[1]


def logged_in_visitor(running: Running) -> Visitor:
    """Return a client logged in on the printed site, as the printed user with the printed password."""
    visitor = Visitor(said(running, "Site"))
    visitor.submit("/accounts/login/", login=said(running, "User"), password=said(running, "Password"))
    return visitor


def start_task(visitor: Visitor, *, seconds: int) -> str:
    """Start the sample task; return the address of its run."""
    page = visitor.submit("/tasks/", seconds=str(seconds))
    match = re.search(r'data-task-run="([^"]+)"', page)
    assert match, page
    return match[1]


def percent(visitor: Visitor, path: str) -> int:
    """Return the run's progress in percent."""
    value: int = visitor.get_json(path)["percent"]
    return value


def wait_until_succeeded(visitor: Visitor, path: str) -> None:
    """Return once the run has succeeded: a moment after its progress reaches 100 %."""
    wait_for(lambda: visitor.get_json(path)["state"] == "succeeded", what="the task has succeeded", limit=30)
