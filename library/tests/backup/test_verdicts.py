"""A drill's verdict is about the backup: what is wrong with this machine leaves the last one as it is."""

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
from bedplate.backup.catalogue import read
from bedplate.backup.errors import BackupError, UnusableBackupError
from bedplate.backup.manifest import Manifest, Verification
from bedplate.backup.session import Installation
from bedplate.backup.verbs.check import check
from dated import record
from fault_proxy import Answer, FaultProxy
from project import Configure, Project, database_file
from pyrage import x25519

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def backup(embedded: Project) -> Manifest:
    """Return a backup that a drill has proven."""
    manifest = embedded.back_up()
    embedded.verify()
    return manifest


def verdict(project: Project, backup: Manifest) -> Verification | None:
    """Return what the store says of the backup."""
    found = read(project.store, backup.name)
    assert found
    return found.verification


def fails_without_a_verdict(project: Project, backup: Manifest, *, saying: str) -> None:
    """Fail unless the drill fails with these words, and what the last one found is still there."""
    before = verdict(project, backup)
    assert before
    assert before.passed
    with pytest.raises(BackupError, match=saying) as caught:
        project.verify()
    assert not isinstance(caught.value, UnusableBackupError)
    assert verdict(project, backup) == before
    check(project.session)


def test_a_drill_that_passes_is_recorded_with_what_it_counted(embedded: Project, backup: Manifest) -> None:
    assert embedded.verify() == backup
    found = verdict(embedded, backup)
    assert found
    assert (found.passed, found.message) == (True, "2 rows, 2 media files")
    assert abs((embedded.session.now() - found.at).total_seconds()) < 60


def test_a_full_disk_is_no_verdict(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    monkeypatch.setattr("bedplate.backup.stores.folder.shutil.copyfile", full_disk)
    fails_without_a_verdict(embedded, backup, saying="No space left")


def test_too_little_disk_is_no_verdict(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=1)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    fails_without_a_verdict(embedded, backup, saying="MB of disk")


def test_a_held_lock_is_no_verdict(embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installation, "patience", 0.0)
    with (embedded.configuration.work / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fails_without_a_verdict(embedded, backup, saying="Another backup or restore is running")


@pytest.fixture
def encrypted(embedded: Project, configure: Configure) -> tuple[Project, Manifest]:
    """Return a project that has an encrypted backup, proven where the key is."""
    identity = x25519.Identity.generate()
    keys = {"BACKUP_AGE_RECIPIENTS": str(identity.to_public()), "BACKUP_AGE_IDENTITY": str(identity)}
    project = Project(configure(**keys), embedded.store)
    manifest = project.back_up()
    project.verify()
    return project, manifest


def test_no_key_is_no_verdict(encrypted: tuple[Project, Manifest], configure: Configure) -> None:
    project, manifest = encrypted
    without = Project(configure(BACKUP_AGE_IDENTITY=""), project.store)
    fails_without_a_verdict(without, manifest, saying="no key to read it")


def test_another_key_is_no_verdict(encrypted: tuple[Project, Manifest], configure: Configure) -> None:
    project, manifest = encrypted
    stranger = Project(configure(BACKUP_AGE_IDENTITY=str(x25519.Identity.generate())), project.store)
    fails_without_a_verdict(stranger, manifest, saying="for another key")


@pytest.mark.parametrize("offset", [-3, 50])
def test_damage_that_only_decrypting_finds_is_a_verdict(
    encrypted: tuple[Project, Manifest], offset: int, tmp_path: Path
) -> None:
    """In an object of the media: the manifest has no checksum of those."""
    project, _ = encrypted
    (project.media / "large").write_bytes(bytes(10_000))
    manifest = project.back_up()
    path = max((tmp_path / "a folder of backups/v1/app/media").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[offset if offset < 0 else len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnusableBackupError, match="is damaged: it cannot be decrypted"):
        project.verify()
    found = verdict(project, manifest)
    assert found
    assert not found.passed


def test_a_store_that_is_away_is_no_verdict(
    embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The disk of the folder is unmounted after the backup was found."""
    folder, away = tmp_path / "a folder of backups", tmp_path / "unmounted"

    def unmount(*_: object) -> None:
        if folder.exists():
            folder.rename(away)

    with monkeypatch.context() as patch:
        patch.setattr("bedplate.backup.verbs.verify.require_compatible", unmount)
        with pytest.raises(BackupError, match="does not exist") as caught:
            embedded.verify()
    assert not isinstance(caught.value, UnusableBackupError)
    away.rename(folder)
    found = verdict(embedded, backup)
    assert found
    assert found.passed


def test_a_bucket_that_refuses_is_no_verdict(
    embedded: Project, proxy: FaultProxy, gcs: str, configure: Configure
) -> None:
    configuration = configure(BACKUP_URL=gcs)
    project = Project(configuration, configuration.open_store())
    manifest = project.back_up()
    record(project, manifest.name, passed=True)
    proxy.fail(Answer(403), times=1000, path="sqlite3")
    with pytest.raises(BackupError, match="may not do this"):
        project.verify()
    proxy.clear()
    found = verdict(project, manifest)
    assert found
    assert found.passed


def test_a_missing_object_is_a_verdict(embedded: Project, backup: Manifest) -> None:
    embedded.store.delete(backup.files["database/database.sqlite3"].object)
    with pytest.raises(UnusableBackupError, match="is missing"):
        embedded.verify()
    found = verdict(embedded, backup)
    assert found
    assert (found.passed, "database.sqlite3 is missing" in found.message) == (False, True)
    result = command.run("--check")
    assert result.returncode == 1
    assert "The drill on the newest backup failed" in result.stderr


def test_a_killed_drill_is_no_verdict(embedded: Project, backup: Manifest, tmp_path: Path) -> None:
    before = verdict(embedded, backup)
    pipe = tmp_path / "a folder of backups" / backup.files["contents.json"].object
    pipe.unlink()
    os.mkfifo(pipe)  # the drill waits for what never comes
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate.backup", "--verify", "latest"],
        env=command.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as drill:
        assert drill.stderr
        assert any("Fetch" in line for line in drill.stderr)
        drill.send_signal(signal.SIGKILL)
    assert verdict(embedded, backup) == before


@pytest.mark.parametrize("passed", [True, False])
def test_a_verdict_that_cannot_be_recorded_is_told(
    embedded: Project, backup: Manifest, monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    """A proof that is not there is a failure; of a bad backup, what is wrong with it is what people need to know."""
    if not passed:
        embedded.store.delete(backup.files["contents.json"].object)

    def refuse(*_: object, **__: object) -> None:
        raise BackupError("the store is full")

    monkeypatch.setattr(embedded.store, "write", refuse)
    with pytest.raises(BackupError, match="the store is full" if passed else "is missing"):
        embedded.verify()
    assert "The result could not be recorded: the store is full" in embedded.said.getvalue()


def broken(database: Path) -> None:
    """Put something that is no database in the place of one."""
    database.write_bytes(b"no database at all" * 500)


@pytest.mark.parametrize("harm", [broken, Path.unlink])
def test_a_damaged_live_database_is_no_verdict(
    embedded: Project, backup: Manifest, harm: Callable[[Path], None]
) -> None:
    before = verdict(embedded, backup)
    harm(database_file(embedded))
    try:
        embedded.verify()
    except BackupError:
        assert verdict(embedded, backup) == before
    else:
        found = verdict(embedded, backup)
        assert found
        assert found.passed
