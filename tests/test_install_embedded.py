"""Embedded mode from outside: set up once in a copy of the checkout, then started, used, stopped and killed."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError

import pytest
from checkout import copy_as_shop, free_port
from embedded_mode import SERVING, Running, Visitor, google_storage, install, processes_of, wait_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone, in a path with a space."""
    return copy_as_shop(tmp_path_factory.mktemp("embedded") / "my project")


@pytest.fixture(scope="module")
def interrupted(folder: Path) -> tuple[int, str]:
    """Return how a first set-up ended that was interrupted amid its longest step."""
    with closing(Running(folder, "--setup-only")) as running:
        running.wait_until_said("Python ")
        wait_for((folder / ".venv-embedded").exists, what="the environment is begun")
        return running.end(signal.SIGINT), running.output


@pytest.fixture(scope="module")
def installed(folder: Path, interrupted: tuple[int, str]) -> Path:
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


@pytest.fixture(scope="module")
def terminal(installed: Path) -> Iterator[Terminal]:
    """Return a terminal in the clone."""
    terminal = Terminal(installed)
    yield terminal
    terminal.close()


@pytest.fixture
def running(terminal: Terminal) -> Running:
    """Return the site while it is served."""
    return terminal.serving()


def said(running: Running, name: str) -> str:
    """Return a value of the summary."""
    match = re.search(rf"^  {name} +(\S+)", running.output, re.MULTILINE)
    assert match, running.output
    return match[1]


def visitor_logged_in(running: Running) -> Visitor:
    """Return the printed user, logged in on the printed site with the printed password."""
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
    """Return how far the run is."""
    value: int = visitor.get_json(path)["percent"]
    return value


def wait_until_succeeded(visitor: Visitor, path: str) -> None:
    """Return once the run has ended well: a moment after its work has come to 100 %."""
    wait_for(lambda: visitor.get_json(path)["state"] == "succeeded", what="the task has succeeded", limit=30)


def test_an_interrupted_set_up_leaves_no_process_and_can_be_run_again(
    interrupted: tuple[int, str], folder: Path
) -> None:
    """Ctrl-C amid a step: exit status 130, nothing of it goes on."""
    status, output = interrupted
    assert status == 130
    assert "Interrupted. Nothing is lost" in output
    assert processes_of(folder) == []


def test_secrets_are_random_and_for_the_owner_only(installed: Path) -> None:
    """`.env.embedded` has mode 0600 and no placeholder."""
    dotenv = installed / ".env.embedded"
    assert dotenv.stat().st_mode & 0o777 == 0o600
    assert "change-me" not in dotenv.read_text()


def test_the_printed_user_logs_in_and_a_task_moves_to_100_percent(running: Running) -> None:
    """The main job: page, assets, login, a background task whose progress moves while pages are served."""
    visitor = visitor_logged_in(running)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', visitor.get("/")):
        visitor.get(asset)
    path = start_task(visitor, seconds=2)
    wait_for(lambda: 0 < percent(visitor, path) < 100, what="the task is on its way", limit=30)
    wait_until_succeeded(visitor, path)
    assert percent(visitor, path) == 100


def test_a_second_start_while_one_runs_is_refused(installed: Path, running: Running) -> None:
    """The message says where the first one is."""
    second = install(installed, "--port", str(free_port()))
    assert second.returncode == 1
    assert "runs in this folder already" in second.stdout
    assert said(running, "Site") in second.stdout


def test_a_restart_keeps_data_and_secrets(installed: Path, running: Running) -> None:
    """What was there before Ctrl-C is there after the next start, and the queue goes on."""
    dotenv = (installed / ".env.embedded").read_text()
    visitor = visitor_logged_in(running)
    path = start_task(visitor, seconds=60)
    wait_for(lambda: percent(visitor, path) > 0, what="the task runs")
    assert running.end(signal.SIGINT) == 0
    assert processes_of(installed) == []
    with closing(Running(installed, "--port", said(running, "Site").rpartition(":")[2])) as again:
        again.wait_until_said(SERVING)
        assert visitor.get_json(path)["name"] == "operations.tasks.sample"
        wait_for(lambda: visitor.get_json(path)["state"] == "running", what="the task runs again")
    assert (installed / ".env.embedded").read_text() == dotenv


def test_backups_restore_while_the_site_runs(installed: Path, running: Running) -> None:
    """A backup brings back what was there, --undo what it replaced; the site shows both without a restart."""
    visitor = visitor_logged_in(running)
    before = start_task(visitor, seconds=1)
    wait_until_succeeded(visitor, before)
    backup = google_storage(installed, "--backup")
    after = start_task(visitor, seconds=1)
    wait_until_succeeded(visitor, after)
    google_storage(installed, "--verify", "latest")
    google_storage(installed, "--restore", backup)
    assert visitor.get_json(before)["state"] == "succeeded"
    with pytest.raises(HTTPError):
        visitor.get_json(after)
    google_storage(installed, "--undo")
    assert visitor.get_json(after)["state"] == "succeeded"


def test_kill_9_leaves_no_process(installed: Path, running: Running) -> None:
    """Web, its worker process, Celery and its children end although nobody could tell them to."""
    wait_for(lambda: len(processes_of(installed)) > 5, what="all of them run")
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not processes_of(installed), what="no process left", limit=20)


@pytest.mark.parametrize(("name", "command"), [("web", "granian"), ("worker", "celery")])
def test_when_one_ends_the_other_is_stopped(installed: Path, running: Running, name: str, command: str) -> None:
    """The message says which one ended, and how."""
    os.kill(running.started(command).pid, signal.SIGKILL)
    assert running.wait() == 1
    assert f"{name} ended by itself (killed by SIGKILL)" in running.output
    assert processes_of(installed) == []


def test_a_second_set_up_makes_nothing_anew(installed: Path) -> None:
    """Environment, assets and static files stay as they are while their sources are unchanged."""
    marks = [installed / made / ".complete" for made in (".venv-embedded", "web/static/dist", "web/staticfiles")]
    before = [mark.stat().st_mtime_ns for mark in marks]
    assert install(installed, "--setup-only").returncode == 0
    assert [mark.stat().st_mtime_ns for mark in marks] == before


def test_manage_runs_django_commands_on_the_same_database(installed: Path) -> None:
    """`./install_embedded.sh manage` finds the user that the set-up made."""
    count = "from users.models import User; print(User.objects.filter(email='admin@shop.local').count())"
    assert install(installed, "manage", "shell", "--no-imports", "--command", count).stdout == "1\n"
