"""Free disk space: checked before work begins, and watched during the work."""

import threading
from collections import namedtuple
from pathlib import Path

import pytest
from bedplate.backup import disk
from bedplate.backup.disk import MEGABYTE, limited_writing, require_room, watch_disk
from bedplate.backup.errors import BackupError

Usage = namedtuple("Usage", "free")
LIMIT = 20


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the free megabytes of every disk, for tests to change."""
    found = [100]
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: Usage(free=found[0] * MEGABYTE))
    monkeypatch.setattr(disk, "POLL_SECONDS", 0.01)
    return found


def test_too_little_room_is_told_with_its_numbers(tmp_path: Path, free: list[int]) -> None:
    require_room("The backup", tmp_path, needed=60 * MEGABYTE, reserve=40 * MEGABYTE)
    with pytest.raises(BackupError, match="The backup needs 61 MB of disk beside the reserve of 40 MB, 100 are free"):
        require_room("The backup", tmp_path, needed=60 * MEGABYTE + 1, reserve=40 * MEGABYTE)


def test_work_is_stopped_below_the_reserve_and_says_why(tmp_path: Path, free: list[int]) -> None:
    """The reason is reported, whatever error the stopped work raises."""
    stopped = threading.Event()

    def work() -> None:
        with watch_disk(tmp_path, reserve=40 * MEGABYTE, stop=stopped.set):
            assert not stopped.is_set()
            free[0] = 39
            assert stopped.wait(LIMIT)
            raise OSError("killed")

    with pytest.raises(BackupError, match="less than 40 MB left"):
        work()


def test_work_with_room_is_left_alone(tmp_path: Path, free: list[int]) -> None:
    stopped = threading.Event()
    with watch_disk(tmp_path, reserve=100 * MEGABYTE, stop=stopped.set):
        assert not stopped.wait(0.1)
    with pytest.raises(KeyError), watch_disk(tmp_path, reserve=0, stop=stopped.set):
        raise KeyError


def test_a_download_without_end_is_ended_below_the_reserve(tmp_path: Path, free: list[int]) -> None:
    """The kernel fails the writes of the thread; afterwards files can be written again."""

    def write_without_end() -> None:
        with (tmp_path / "file").open("wb", buffering=0) as file:
            while True:
                file.write(b"x")
                free[0] = 39
                file.seek(0)
                file.truncate()

    with (
        pytest.raises(BackupError, match="less than 40 MB left"),
        limited_writing(tmp_path, reserve=40 * MEGABYTE),
    ):
        write_without_end()
    (tmp_path / "another").write_text("written")
