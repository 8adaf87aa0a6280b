"""Disk space of a restore: the bytes that it really writes are counted, and each disk that it fills is watched."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from bedplate.backup import disk
from bedplate.backup.databases.sqlite import SQLite
from bedplate.backup.disk import MEGABYTE
from bedplate.backup.errors import BackupError
from project import Configure, Project, files
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")

SIZE = 8 * MEGABYTE
COPIES = 5
LIMIT = 30


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the free megabytes of every disk, for tests to change."""
    found = [10_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=found[0] * MEGABYTE))
    monkeypatch.setattr(disk, "POLL_SECONDS", 0.01)
    return found


@pytest.fixture
def shop(embedded: Project, configure: Configure) -> Project:
    """Return a project that leaves 100 MB of each disk free."""
    return replace(embedded, configuration=configure(BACKUP_DISK_RESERVE_MB="100"))


def write_copies(project: Project, count: int) -> None:
    """Write identical media files."""
    data = os.urandom(SIZE)
    for number in range(count):
        (project.media / f"copy-{number}").write_bytes(data)


def test_media_that_are_alike_are_counted_as_often_as_they_are_written(shop: Project, free: list[int]) -> None:
    """The store holds only one object for them."""
    write_copies(shop, COPIES)
    manifest = shop.back_up()
    assert manifest.media_size < 2 * SIZE
    before = files(shop.media)
    free[0] = 100 + COPIES * SIZE // MEGABYTE
    with pytest.raises(BackupError, match=r"needs 4\d MB of disk beside the reserve of 100 MB.*Nothing was replaced"):
        shop.restore()
    assert shop.remains == []
    free[0] += 10
    shop.restore()
    assert files(shop.media) == before


def test_many_small_media_take_a_block_each(shop: Project, free: list[int]) -> None:
    for number in range(1000):
        (shop.media / str(number)).write_text(str(number))
    assert shop.back_up().media_size < MEGABYTE / 10
    free[0] = 102
    with pytest.raises(BackupError, match=r"needs [45] MB of disk"):
        shop.restore()


def test_encrypted_media_need_room_to_be_decrypted(shop: Project, configure: Configure, free: list[int]) -> None:
    """Each exists twice for a moment, as many at once as there are threads."""
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    encrypted = replace(shop, configuration=configure(**keys))
    write_copies(encrypted, 1)
    encrypted.back_up()
    free[0] = 100 + SIZE // MEGABYTE + 4
    with pytest.raises(BackupError, match=r"needs 1\d MB of disk beside"):
        encrypted.restore()
    free[0] += SIZE // MEGABYTE
    encrypted.restore()


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Return a folder on another disk than that of the tests."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("seen", [False, True])
def test_the_disk_of_the_uploads_is_watched(
    shop: Project, elsewhere: Path, free: list[int], monkeypatch: pytest.MonkeyPatch, *, seen: bool
) -> None:
    """It holds even if the database is on another disk, or on one that is not visible from here."""
    assert elsewhere.stat().st_dev != shop.media.stat().st_dev
    monkeypatch.setattr(SQLite, "disk", elsewhere if seen else None)
    full = shop.media.stat().st_dev
    monkeypatch.setattr(
        disk, "free_space", lambda folder: free[0] * MEGABYTE if folder.stat().st_dev == full else 10_000 * MEGABYTE
    )
    shop.back_up()
    before = files(shop.media)
    monkeypatch.setattr("bedplate.backup.live_media.download_media", writing_without_end(free))
    with pytest.raises(BackupError, match=r"less than 100 MB left.*before the disk was full.*Nothing was replaced"):
        shop.restore()
    assert files(shop.media) == before
    assert shop.remains == []


def writing_without_end(free: list[int]) -> Callable[..., None]:
    """Return a download that fills the disk, and goes on as long as it can."""

    def download(_media: object, root: Path, **_options: object) -> None:
        root.mkdir(parents=True)
        free[0] = 99
        ended = time.monotonic() + LIMIT
        with (root / "file").open("wb", buffering=0) as file:
            while time.monotonic() < ended:
                file.write(b"x")
                file.seek(0)
                file.truncate()

    return download
