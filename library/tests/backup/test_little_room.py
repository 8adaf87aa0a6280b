"""Disk space of drills and restores: one that does not fit does not start, one that fills the disk is stopped."""

import os
import resource
import shutil
import time
from pathlib import Path

import pytest
from bedplate.backup import disk
from bedplate.backup.disk import MEGABYTE
from bedplate.backup.errors import BackupError
from bedplate.backup.manifest import StoredFile
from bedplate.backup.transfer import THREADS, Transfer
from project import Project, files, note, notes

pytestmark = pytest.mark.usefixtures("without_django")


def leave_free(project: Project, monkeypatch: pytest.MonkeyPatch, *, megabytes: int) -> None:
    """Set the free space of the disk, in addition to the reserve."""
    reserve = project.configuration.variables.backup_disk_reserve_mb
    usage = shutil.disk_usage("/")._replace(free=(reserve + megabytes) * MEGABYTE)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)


def test_a_dump_that_does_not_fit_is_not_fetched(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    leave_free(embedded, monkeypatch, megabytes=0)
    with pytest.raises(BackupError, match="MB of disk"):
        embedded.verify()
    assert "Fetch" not in embedded.said.getvalue()


def test_media_that_do_not_fit_are_not_fetched(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (embedded.media / "large").write_bytes(os.urandom(2 * MEGABYTE))
    embedded.back_up()
    leave_free(embedded, monkeypatch, megabytes=1)
    with pytest.raises(BackupError, match="MB of disk"):
        embedded.verify()
    assert "Fetch and check the media" not in embedded.said.getvalue()


def test_all_media_together_need_not_fit(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk holds only as many at once as there are threads."""
    count = 3 * THREADS
    for number in range(count):
        (embedded.media / f"large-{number}").write_bytes(os.urandom(MEGABYTE // THREADS - 10_000))
    embedded.back_up()
    leave_free(embedded, monkeypatch, megabytes=1)
    download, together = Transfer.download, list[int]()

    def count_and_download(self: Transfer, file: StoredFile, path: Path) -> None:
        download(self, file, path)
        if path.name.startswith("media-"):
            together.append(len(list(path.parent.glob("media-*"))))

    monkeypatch.setattr(Transfer, "download", count_and_download)
    embedded.verify()
    assert len(together) == count + 2
    assert max(together) <= THREADS


@pytest.mark.parametrize("megabytes", [0, 1])
def test_a_restore_that_does_not_fit_is_not_begun(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    """The dump, the database and the media all count."""
    if megabytes:
        (embedded.media / "large").write_bytes(os.urandom(2 * MEGABYTE))
    embedded.back_up()
    leave_free(embedded, monkeypatch, megabytes=megabytes)
    with pytest.raises(BackupError, match=r"MB of disk.*Nothing was replaced\."):
        embedded.restore()
    assert "Fetch" not in embedded.said.getvalue()
    assert embedded.remains == []


def test_a_disk_that_is_filled_meanwhile_ends_the_restore(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped before the disk is full: then the live database could not be written either."""
    embedded.back_up()
    note(embedded, "late")
    before = notes(embedded), files(embedded.media)
    download, free = Transfer.download, [10 << 30]

    def fill_and_download(self: Transfer, file: StoredFile, path: Path) -> None:
        free[0], end = 0, time.monotonic() + 20
        while resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0 and time.monotonic() < end:
            os.sched_yield()
        download(self, file, path)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "free_space", lambda _folder: free[0])
        patch.setattr(disk, "POLL_SECONDS", 0.01)
        patch.setattr(Transfer, "download", fill_and_download)
        with pytest.raises(BackupError, match=r"less than .* MB left.*before the disk was full.*Nothing was replaced"):
            embedded.restore()
    assert (notes(embedded), files(embedded.media)) == before
    assert embedded.remains == []
    embedded.restore()
