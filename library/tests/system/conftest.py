"""Fixtures and scheduling of the system tests."""

import re
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.host.configuration import env_file
from bedplate.testing.checkout import copy_as_shop, free_port
from embedded_mode import SERVING, Process, Running, install, processes_of, wait_for
from fake_machine import FakeMachine
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["bedplate.testing.stack"]
OF_EMBEDDED_MODE: Final = ("test_install_embedded.py", "test_embedded_data.py")
LONGEST: Final = (
    *("test_swarm.py", "test_deploy.py", "test_backup_system.py", "test_interruptions.py"),
    *(*OF_EMBEDDED_MODE, "test_swarm_interrupted.py", "test_install_embedded_checks.py"),
)  # minutes, after the servers'
OF_A_SERVER: Final = re.compile(r"\bstack/.*\[(.*-)?(dev|prod)(-.*)?\]$")


def pytest_configure() -> None:
    """Receive Ctrl-C, and let programs under test receive it: programs that a shell starts in the background ignore it.

    So do programs of a closed terminal under nohup.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class FileOrServersScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a process all tests of a file, of DEV and PROD, of the swarm, of embedded mode: their setup runs once."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group that a test runs in; the marker xdist_group has no effect with pytest 9.2."""
        if OF_A_SERVER.search(nodeid):
            return "servers"
        if nodeid.partition("::")[0].endswith(OF_EMBEDDED_MODE):
            return "embedded mode"
        return "swarm" if "stack/swarm/" in nodeid else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return a scheduler that hands out groups in the order below, not by their number of tests."""
    config.option.loadscopereorder = False
    return FileOrServersScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, so that no process waits for another at the end.

    Give tests that start containers 25 minutes: the first one of a run also builds the images.
    """
    items.sort(key=start_order)
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1500))


def start_order(item: pytest.Item) -> int:
    """Return a smaller number for a test that starts earlier."""
    if OF_A_SERVER.search(item.nodeid):
        return 0
    return LONGEST.index(item.path.name) + 1 if item.path.name in LONGEST else len(LONGEST) + 1


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine without a Docker engine; its docker command gives configured answers."""
    return FakeMachine(tmp_path, port=free_port())


@pytest.fixture
def dotenv(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the values that `.env` has for code in this process: those of a project on several machines."""
    names = ("COMPOSE_PROJECT_NAME", "REGISTRY", "RELEASE", "COMPOSE_FILE")
    values = dict(zip(names, ("shop", "registry:5000/", "old", "prod.yml:swarm.yml"), strict=True))
    monkeypatch.setattr(env_file, "get", lambda name: values.get(name, ""))
    return values


@pytest.fixture
def server(machine: FakeMachine) -> FakeMachine:
    """Return a machine on which a server can be installed: the site's name resolves."""
    machine.command("getent", "exit 0")
    return machine


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone in a path with a space."""
    return copy_as_shop(tmp_path_factory.mktemp("embedded") / "my project")


@pytest.fixture(scope="session")
def interrupted(folder: Path) -> tuple[int, str, list[Process]]:
    """Return the result of a first setup, interrupted in its longest step, and the processes that still ran then."""
    with closing(Running(folder, "--setup-only")) as running:
        running.wait_for_output("Python ")
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
    """The served site, shared by tests one after the other: a start takes seconds."""

    def __init__(self, folder: Path) -> None:
        """Create it without a running site."""
        self._folder = folder
        self._running: Running | None = None

    def serving(self) -> Running:
        """Return the served site; start it if the previous test has ended it."""
        if not self._running or self._running.ended:
            self._running = Running(self._folder, "--port", str(free_port()))
            self._running.wait_for_output(SERVING)
        return self._running

    def close(self) -> None:
        """Stop the running site."""
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
