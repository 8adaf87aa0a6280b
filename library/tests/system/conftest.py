"""What the tests of the project share."""

import re
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.testing.checkout import copy_as_shop, free_port
from embedded_mode import SERVING, Process, Running, install, processes_of, wait_for
from fake_machine import FakeMachine
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["bedplate.testing.stack"]
LONGEST: Final = ("test_deploy.py", "test_backup_system.py", "test_interruptions.py")  # minutes, after the servers'
OF_A_SERVER: Final = re.compile(r"\bstack/.*\[(.*-)?(dev|prod)(-.*)?\]$")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let the programs under test hear it: what a shell starts in the background ignores it.

    So it is with a terminal that is closed, under nohup.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class OneFileOrTheServers(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a process the tests of a file, or all those of DEV and PROD: what they set up is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what a test is run together with; the marker xdist_group does nothing with pytest 9.2."""
        return "servers" if OF_A_SERVER.search(nodeid) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return what shares the tests out among processes, in the order below: not by how many they are."""
    config.option.loadscopereorder = False
    return OneFileOrTheServers(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process waits for another at the end.

    Give tests that start containers 25 minutes: the first one of a run also builds the images.
    """
    items.sort(key=place_in_line)
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1500))


def place_in_line(item: pytest.Item) -> int:
    """Return a smaller number for what is to begin earlier."""
    if OF_A_SERVER.search(item.nodeid):
        return 0
    return LONGEST.index(item.path.name) + 1 if item.path.name in LONGEST else len(LONGEST) + 1


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine without a Docker engine, whose docker command answers as told."""
    return FakeMachine(tmp_path, port=free_port())


@pytest.fixture
def server(machine: FakeMachine) -> FakeMachine:
    """Return a machine on which a server can be installed: the name of the site leads somewhere."""
    machine.command("getent", "exit 0")
    return machine


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone, in a path with a space."""
    return copy_as_shop(tmp_path_factory.mktemp("embedded") / "my project")


@pytest.fixture(scope="session")
def interrupted(folder: Path) -> tuple[int, str, list[Process]]:
    """Return how a first set-up ended that was interrupted amid its longest step, and what still ran then."""
    with closing(Running(folder, "--setup-only")) as running:
        running.wait_until_said("Python ")
        wait_for((folder / ".venv-embedded").exists, what="the environment is begun")
        ended = running.end(signal.SIGINT), running.output
    return *ended, processes_of(folder)


@pytest.fixture(scope="session")
def installed(folder: Path, interrupted: tuple[int, str, list[Process]]) -> Path:
    """Return the clone, set up after that interruption."""
    completed = install(folder, "--setup-only")
    assert completed.returncode == 0, completed.stdout
    return folder


class Terminal:
    """Where the site is served, for one test after the other: a start takes seconds."""

    def __init__(self, folder: Path) -> None:
        """Begin without one that runs."""
        self._folder = folder
        self._running: Running | None = None

    def serving(self) -> Running:
        """Return the site that is served; start it if the test before has ended it."""
        if not self._running or self._running.ended:
            self._running = Running(self._folder, "--port", str(free_port()))
            self._running.wait_until_said(SERVING)
        return self._running

    def close(self) -> None:
        """End what runs."""
        if self._running:
            self._running.close()


@pytest.fixture(scope="session")
def terminal(installed: Path) -> Iterator[Terminal]:
    """Return a terminal in the clone."""
    terminal = Terminal(installed)
    yield terminal
    terminal.close()


@pytest.fixture
def running(terminal: Terminal) -> Running:
    """Return the site while it is served."""
    return terminal.serving()
