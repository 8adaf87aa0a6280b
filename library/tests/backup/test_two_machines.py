"""Two machines that back up one project to one store."""

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bedplate.backup.commands.list_backups import describe
from bedplate.backup.errors import BackupError
from bedplate.backup.lease import Lease, hold_lease
from bedplate.backup.names import lease_name
from bedplate.backup.stores import Store, StoredObject
from project import Configure, Project, files

LEASE = lease_name("app")


@pytest.fixture(params=["folder_store", "google_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return a store of each kind."""
    store: Store = request.getfixturevalue(request.param)
    return store


@pytest.fixture
def machine(embedded: Project, store: Store, configure: Configure) -> Project:
    """Return a machine that takes another one for dead after a second without renewal."""
    return Project(configure(BACKUP_LEASE_SECONDS="1"), store)


def hold(store: Store, holder: str, *, seconds: float = 1.0) -> AbstractContextManager[Lease]:
    """Hold the lease as another machine."""
    return hold_lease(store, LEASE, holder=holder, seconds=seconds, say=lambda _text: None)


def test_a_backup_waits_for_another_ones_end(machine: Project, store: Store) -> None:
    done = threading.Event()

    def back_up() -> None:
        machine.back_up()
        done.set()

    waiting = threading.Thread(target=back_up)
    with hold(store, "another", seconds=0.4):
        waiting.start()
        # Longer than the wait for a dead holder: this one renews its lease.
        assert not done.wait(1.5)
        assert list(store.list("v1/app/embedded/")) == []
    waiting.join(20)
    assert done.is_set()
    assert "Another machine (another) writes backups" in machine.said.getvalue()


def test_who_died_is_waited_for_no_longer_than_it_takes(machine: Project, store: Store) -> None:
    """The clock of the dead machine does not matter: it was an hour ahead."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    store.write(LEASE, f'{{"holder": "dead", "at": {ahead.timestamp()}}}'.encode())
    machine.back_up()
    assert [backup.name for backup in machine.session.backups() if backup.manifest]


def test_what_this_machine_held_when_it_was_killed_it_takes_at_once(machine: Project, store: Store) -> None:
    with machine.session.work_directory.exclusive_lock(say=print):
        installation = machine.session.work_directory.installation
    store.write(LEASE, f'{{"holder": "{installation}"}}'.encode())
    with hold(store, installation, seconds=1000):
        pass


def test_who_lost_the_lease_writes_no_manifest(machine: Project, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = store.upload

    def upload_while_another_takes_over(name: str, path: Path) -> StoredObject:
        store.write(LEASE, b'{"holder": "another"}')
        return upload(name, path)

    monkeypatch.setattr(store, "upload", upload_while_another_takes_over)
    with pytest.raises(BackupError, match="Another machine has taken over"):
        machine.back_up()
    monkeypatch.undo()
    assert machine.session.backups() == []
    assert b"another" in store.read(LEASE)[0], "the lease of another machine was given away"


def test_two_backups_at_once_are_two_whole_backups(
    machine: Project, store: Store, configure: Configure, tmp_path: Path, without_django: None
) -> None:
    (machine.media / "big").write_bytes(b"x" * 2_000_000)
    other = Project(configure(DATA_DIRECTORY=str(tmp_path / "other")), store)
    other.configuration.media.parent.mkdir()
    source = machine.configuration.variables.data_directory / "database.sqlite3"
    (tmp_path / "other/database.sqlite3").write_bytes(source.read_bytes())
    (other.media / "mine").write_text("mine")
    failures: list[Exception] = []

    def back_up(project: Project) -> None:
        try:
            project.back_up()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=back_up, args=(project,)) for project in (machine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    found = machine.session.backups()
    assert len(found) == 2
    for backup in found:
        machine.verify(backup.url)
    assert len(files(machine.media)) == 3


def test_a_backup_from_the_future_is_not_of_negative_age(machine: Project, store: Store) -> None:
    machine.back_up()
    [backup] = machine.session.backups()
    described = describe(backup, now=datetime.now(UTC) - timedelta(hours=1))
    assert described["age_seconds"] == 0
