"""A drill's result is about the backup: problems of this machine leave the last result unchanged."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import command
import pytest
from bedplate.backup.catalog import read
from bedplate.backup.commands.check import check
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import Manifest
from bedplate.backup.session import Installation
from bedplate.backup.verifications import Verification
from dated import record
from fault_proxy import Answer, FaultProxy
from project import Configure, Project, database_file
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def backup(embedded: Project) -> Manifest:
    """Return a verified backup."""
    manifest = embedded.back_up()
    embedded.verify()
    return manifest


def last_verification(project: Project, backup: Manifest) -> Verification | None:
    """Return the last verification of the backup."""
    found = read(project.store, backup.name, trust=project.configuration.trust)
    assert found
    return found.verification


def fails_without_a_result(project: Project, backup: Manifest, *, saying: str) -> None:
    """Fail unless the drill fails with this message, and the last result is unchanged."""
    before = last_verification(project, backup)
    assert before
    assert before.passed
    with pytest.raises(BackupError, match=saying) as caught:
        project.verify()
    assert not isinstance(caught.value, UnusableBackupError)
    assert last_verification(project, backup) == before
    check(project.session)


def test_a_drill_that_passes_is_recorded_with_what_it_counted(embedded: Project, backup: Manifest) -> None:
    assert embedded.verify() == backup
    found = last_verification(embedded, backup)
    assert found
    assert (found.passed, found.message) == (True, "2 rows, 2 media files")
    assert abs((embedded.session.now() - found.at).total_seconds()) < 60


def test_a_full_disk_is_not_recorded(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    monkeypatch.setattr("bedplate.backup.stores.folder.shutil.copyfile", full_disk)
    fails_without_a_result(embedded, backup, saying="No space left")


def test_too_little_disk_is_not_recorded(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    fails_without_a_result(embedded, backup, saying="MB of disk")


def test_a_held_lock_is_not_recorded(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installation, "lock_timeout_seconds", 0.0)
    with (embedded.configuration.work / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fails_without_a_result(embedded, backup, saying="Another backup or restore is running")


@pytest.fixture
def encrypted(embedded: Project, configure: Configure) -> tuple[Project, Manifest]:
    """Return a project with an encrypted backup that was verified on the machine with the key."""
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    project = Project(configure(**keys), embedded.store)
    manifest = project.back_up()
    project.verify()
    return project, manifest


def test_a_missing_key_is_not_recorded(encrypted: tuple[Project, Manifest], configure: Configure) -> None:
    project, manifest = encrypted
    without = Project(configure(BACKUP_AGE_IDENTITY=""), project.store)
    fails_without_a_result(without, manifest, saying="no key to read it")


def test_another_key_is_not_recorded(encrypted: tuple[Project, Manifest], configure: Configure) -> None:
    project, manifest = encrypted
    stranger = Project(configure(BACKUP_AGE_IDENTITY=str(x25519.Identity.generate())), project.store)
    fails_without_a_result(stranger, manifest, saying="for another key")


@pytest.mark.parametrize("offset", [-3, 50])
def test_damage_that_only_decrypting_finds_is_recorded(
    encrypted: tuple[Project, Manifest], offset: int, tmp_path: Path
) -> None:
    """The damage is in a media object: the manifest has no checksum of those."""
    project, _ = encrypted
    (project.media / "large").write_bytes(bytes(10_000))
    manifest = project.back_up()
    path = max((tmp_path / "a folder of backups/v1/app/media").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[offset if offset < 0 else len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnusableBackupError, match="is damaged: it cannot be decrypted"):
        project.verify()
    found = last_verification(project, manifest)
    assert found
    assert not found.passed


def test_an_unavailable_store_is_not_recorded(
    embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk of the folder is unmounted after the backup was found."""
    folder, away = tmp_path / "a folder of backups", tmp_path / "unmounted"

    def unmount(*_: object) -> None:
        if folder.exists():
            folder.rename(away)

    with monkeypatch.context() as patch:
        patch.setattr("bedplate.backup.commands.verify.require_compatible", unmount)
        with pytest.raises(BackupError, match="does not exist") as caught:
            embedded.verify()
    assert not isinstance(caught.value, UnusableBackupError)
    away.rename(folder)
    found = last_verification(embedded, backup)
    assert found
    assert found.passed


def test_a_bucket_that_refuses_is_not_recorded(
    embedded: Project, proxy: FaultProxy, gcs: str, configure: Configure
) -> None:
    configuration = configure(BACKUP_URL=gcs)
    project = Project(configuration, configuration.open_store())
    manifest = project.back_up()
    record(project, manifest.name, passed=True)
    proxy.fail(Answer(403), times=1000, path="sqlite3")
    with pytest.raises(BackupError, match="has no right to do this"):
        project.verify()
    proxy.clear()
    found = last_verification(project, manifest)
    assert found
    assert found.passed


def test_a_missing_object_is_recorded(embedded: Project, backup: Manifest) -> None:
    embedded.store.delete(backup.files["database/database.sqlite3"].object)
    with pytest.raises(UnusableBackupError, match="is missing"):
        embedded.verify()
    found = last_verification(embedded, backup)
    assert found
    assert (found.passed, "database.sqlite3 is missing" in found.message) == (False, True)
    result = command.run("--check")
    assert result.returncode == 1
    assert "The drill on the newest backup failed" in result.stderr


def test_a_killed_drill_is_not_recorded(embedded: Project, backup: Manifest, tmp_path: Path) -> None:
    before = last_verification(embedded, backup)
    pipe = tmp_path / "a folder of backups" / backup.files["contents.json"].object
    pipe.unlink()
    os.mkfifo(pipe)  # the drill waits forever
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate.backup", "--verify", "latest"],
        env=command.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as drill:
        assert drill.stderr
        assert any("Fetch" in line for line in drill.stderr)
        drill.send_signal(signal.SIGKILL)
    assert last_verification(embedded, backup) == before


@pytest.mark.parametrize("passed", [True, False])
def test_a_result_that_cannot_be_recorded_is_reported(
    embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    """A missing verification is a failure; for a bad backup, the message is about its damage."""
    if not passed:
        embedded.store.delete(backup.files["contents.json"].object)

    def refuse(*_: object, **__: object) -> None:
        raise BackupError("the store is full")

    monkeypatch.setattr(embedded.store, "write", refuse)
    with pytest.raises(BackupError, match="the store is full" if passed else "is missing"):
        embedded.verify()
    assert "The result could not be recorded: the store is full" in embedded.said.getvalue()


def broken(database: Path) -> None:
    """Replace a database by other content."""
    database.write_bytes(b"no database at all" * 500)


@pytest.mark.parametrize("harm", [broken, Path.unlink])
def test_a_damaged_live_database_is_not_recorded(
    embedded: Project, backup: Manifest, harm: Callable[[Path], None]
) -> None:
    before = last_verification(embedded, backup)
    harm(database_file(embedded))
    try:
        embedded.verify()
    except BackupError:
        assert last_verification(embedded, backup) == before
    else:
        found = last_verification(embedded, backup)
        assert found
        assert found.passed
