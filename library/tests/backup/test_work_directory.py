"""Commands of one installation take turns."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.progress import LineProgress
from bedplate.backup.session import Installation
from bedplate.backup.work_directory import WorkDirectory
from project import Configure, Project
from rich.console import Console


def test_next_command_waits_its_turn(tmp_path: Path) -> None:
    """A command that finds another one running prints so, and starts when that one ends."""
    work_directory, said, began = WorkDirectory(tmp_path), list[str](), threading.Event()

    def work() -> None:
        with work_directory.exclusive_lock(say=said.append):
            began.set()

    with work_directory.exclusive_lock(say=said.append):
        second = threading.Thread(target=work)
        second.start()
        while not said:
            assert second.is_alive()
        assert not began.is_set()
    assert began.wait(10)
    second.join()
    assert said == ["Another backup or restore is running here: waiting for it, at most 30 minutes."]


def test_waiting_ends(tmp_path: Path) -> None:
    """When the other command does not end, the wait ends with advice."""
    work_directory = WorkDirectory(tmp_path)
    with (
        work_directory.exclusive_lock(say=print),
        pytest.raises(BackupError, match="Wait until it ends"),
        work_directory.exclusive_lock(say=print, timeout_seconds=0),
    ):
        raise AssertionError("two were alone")


@pytest.mark.parametrize("act", [Project.back_up, Project.undo])
def test_a_command_waits_as_long_as_its_installation_says(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, act: Callable[[Project], object]
) -> None:
    """It is refused at once here; by default it would wait for half an hour."""
    monkeypatch.setattr(Installation, "lock_timeout_seconds", 0.0)
    with (
        WorkDirectory(embedded.configuration.work).exclusive_lock(say=print),
        pytest.raises(BackupError, match="Another backup or restore is running here"),
    ):
        act(embedded)


def test_a_command_waits_longer_than_a_drill_may_take(configure: Configure) -> None:
    configuration = configure(BACKUP_DRILL_LIMIT_MINUTES="300")
    assert Installation(configuration, LineProgress(Console())).lock_timeout_seconds > 300 * 60
