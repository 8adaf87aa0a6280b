"""The time limit of a drill counts the work of the database, which may be endless, but not a slow store."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bedplate.backup.databases.sqlite import StagedSQLite
from bedplate.backup.errors import BackupError
from project import Project

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture(autouse=True)
def without_another_limit() -> Iterator[None]:
    """Control the time of the drill's limit only, not that of the limit around this test."""
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGALRM, before)


def let_time_pass() -> None:
    """Expire a limit that is set at this moment."""
    os.kill(os.getpid(), signal.SIGALRM)


def test_a_slow_store_is_waited_for_longer_than_the_limit(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    download, fetched = embedded.store.download, list[str]()

    def download_slowly(name: str, path: Path) -> None:
        let_time_pass()
        download(name, path)
        fetched.append(name)

    monkeypatch.setattr(embedded.store, "download", download_slowly)
    embedded.verify()
    assert any("/database/" in name for name in fetched)
    assert any("/media/" in name for name in fetched)


def test_a_slow_database_is_not(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    load = StagedSQLite.load

    def load_slowly(self: StagedSQLite, folder: Path, **options: Any) -> str:
        let_time_pass()
        return load(self, folder, **options)

    monkeypatch.setattr(StagedSQLite, "load", load_slowly)
    with pytest.raises(BackupError, match=r"after 180 minutes, the limit"):
        embedded.verify()
