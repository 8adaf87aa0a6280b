"""A store that fails during a backup or restore: the request is retried, or the command reports the failure."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from bedplate.backup.errors import AccessError, BackupError
from bedplate.backup.stores.google import GoogleStore
from fault_proxy import Answer, Cut, Fault, FaultProxy, Flip
from google.auth.credentials import AnonymousCredentials
from project import Configure, Project, database_file, files, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

PASSING = [Answer(503), Answer(429), Cut(), Cut(10)]
LASTING = [
    (Answer(503), "Try again later"),
    (Answer(403), "has no right to do this"),
]


@pytest.fixture
def remote(embedded: Project, gcs: str, proxy: FaultProxy) -> Project:
    """Return a project whose backups go to a bucket, through the proxy, that retries for a short time only."""
    return embedded.with_store(GoogleStore(gcs, AnonymousCredentials(), retry_seconds=2))


@pytest.mark.parametrize("fault", PASSING, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_passes_is_sat_out(remote: Project, proxy: FaultProxy, fault: Fault, method: str) -> None:
    proxy.fail(fault, method=method)
    remote.back_up()
    note(remote, "since then")
    proxy.fail(fault, method=method)
    remote.restore()
    assert notes(remote) == ["one", "two"]
    assert remote.verify()


@pytest.mark.parametrize(("fault", "saying"), LASTING, ids=str)
def test_a_backup_that_fails_is_none(remote: Project, proxy: FaultProxy, fault: Fault, saying: str) -> None:
    (remote.media / "large").write_bytes(bytes(9_000_000))  # sent in chunks: the database is stored before it fails
    proxy.fail(fault, times=100_000, method="PUT")
    with pytest.raises(BackupError, match=saying):
        remote.back_up()
    proxy.clear()
    assert remote.session.backups() == []
    assert remote.remains == []
    remote.back_up()
    assert {stored.name.split("/")[3] for stored in remote.store.list("v1/app/embedded/")} == {
        backup.name.identifier for backup in remote.session.backups()
    }, "leftovers of the failed backup are still there"


@pytest.mark.parametrize(("fault", "saying"), [*LASTING, (Flip(5), "damaged|checksum")], ids=str)
def test_a_restore_that_fails_changes_nothing(remote: Project, proxy: FaultProxy, fault: Fault, saying: str) -> None:
    remote.back_up()
    note(remote, "since then")
    before = notes(remote), files(remote.media)
    proxy.fail(fault, times=100_000, method="GET", path="media")
    with pytest.raises(BackupError, match=saying):
        remote.restore()
    assert (notes(remote), files(remote.media)) == before
    assert remote.remains == []


def test_a_bucket_that_is_missing_is_named(embedded: Project, gcs: str) -> None:
    nowhere = embedded.with_store(GoogleStore("gs://no-such-bucket", AnonymousCredentials(), retry_seconds=2))
    for work in (nowhere.back_up, nowhere.restore, nowhere.verify, nowhere.prune):
        with pytest.raises(BackupError, match="The bucket no-such-bucket does not exist"):
            work()


def test_a_missing_right_to_read_is_reported(remote: Project, proxy: FaultProxy) -> None:
    proxy.fail(Answer(403), times=100_000)
    for work in (remote.back_up, remote.restore):
        with pytest.raises(AccessError, match="bucket-accounts"):
            work()


def full_disk(*_: object, **__: object) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")


@pytest.mark.parametrize(
    "breaks",
    [
        lambda patch: patch.setattr("bedplate.backup.stores.folder.shutil.copyfile", full_disk),
        lambda patch: patch.setattr("bedplate.backup.databases.sqlite.StagedSQLite.load", full_disk),
        lambda patch: patch.setattr("bedplate.backup.live_media.download_media", full_disk),
    ],
    ids=["fetching", "restoring", "media"],
)
def test_a_full_disk_is_named_and_changes_nothing(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, breaks: Callable[[pytest.MonkeyPatch], object]
) -> None:
    embedded.back_up()
    note(embedded, "since then")
    before = database_file(embedded).read_bytes(), files(embedded.media)
    with monkeypatch.context() as patch:
        breaks(patch)
        with pytest.raises(BackupError, match=r"(?i)No space left on device.*make room"):
            embedded.restore()
    assert (database_file(embedded).read_bytes(), files(embedded.media)) == before
    assert embedded.remains == []
    embedded.restore()


def test_a_backup_that_does_not_fit_is_not_even_fetched(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1))
    with pytest.raises(
        BackupError, match=r"needs .* MB of disk beside the reserve.* 0 are free.* Nothing was replaced"
    ):
        embedded.restore()


def test_a_folder_that_is_named_only_to_restore_from_is_not_made(configure: Configure, tmp_path: Path) -> None:
    absent = tmp_path / "elsewhere"
    configure(BACKUP_URL="").open_store(absent.as_uri())
    assert not absent.exists()


def test_a_folder_that_is_not_mounted_is_named(embedded: Project, configure: Configure, tmp_path: Path) -> None:
    configuration = configure(BACKUP_URL=(tmp_path / "not mounted").as_uri())
    nowhere = Project(configuration, configuration.open_store())
    with pytest.raises(BackupError, match=r"not mounted does not exist"):
        nowhere.restore()
    with pytest.raises(BackupError, match=r"not mounted does not exist"):
        nowhere.back_up()
    assert not (tmp_path / "not mounted").exists(), "a backup went to the disk that should have been hidden"
