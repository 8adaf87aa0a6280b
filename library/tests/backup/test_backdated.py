"""Backdated backups: an attacker on PROD makes them, so that true ones are pruned."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from bedplate.backup.commands.check import check
from bedplate.backup.manifest import Manifest
from bedplate.backup.names import BackupName
from bedplate.backup.stores import Store, StoredObject
from bedplate.backup.stores.google import GoogleStore
from dated import copied, moved, record, stored_backups
from project import Configure, Project

pytestmark = pytest.mark.usefixtures("without_django")

DAY = timedelta(days=1)
KEEP = {"BACKUP_KEEP_DAILY": "3", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}


@pytest.fixture
def project(embedded: Project, configure: Configure) -> Project:
    """Return a project that keeps the backups of three days, and whose pruning runs elsewhere."""
    return Project(configure(**KEEP, BACKUP_PRUNING="elsewhere"), embedded.store)


@pytest.fixture
def true(project: Project) -> list[Manifest]:
    """Return the backups of the last three days."""
    return [moved(project, project.back_up(), datetime.now(UTC) - days * DAY) for days in (3, 2, 1)]


@pytest.fixture
def false(project: Project, true: list[Manifest]) -> list[Manifest]:
    """Return a false backup one minute after each of them, verified by its author."""
    made = [copied(project, manifest, manifest.name.created + timedelta(minutes=1)) for manifest in true]
    for manifest in made:
        record(project, manifest.name, passed=True)
    return made


def names(manifests: list[Manifest]) -> set[str]:
    """Return the names of these backups."""
    return {str(manifest.name) for manifest in manifests}


def keep_time(store: Store, monkeypatch: pytest.MonkeyPatch, late: set[str], *, after: timedelta) -> None:
    """Make the store report when objects were stored: at the date of each backup, except the late ones."""
    listed = store.list

    def list_with_times(prefix: str) -> Iterator[StoredObject]:
        for stored in listed(prefix):
            folder = stored.name.rpartition("/")[0]
            if not stored.name.endswith("/manifest.json"):
                yield stored
                continue
            created = BackupName.parse(folder).created + (after if folder in late else timedelta(0))
            yield StoredObject(
                name=stored.name, size=stored.size, crc32c=None, generation=stored.generation, created=created
            )

    monkeypatch.setattr(store, "list", list_with_times)


def test_they_cost_no_true_one_and_are_named(
    project: Project, true: list[Manifest], false: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_time(project.store, monkeypatch, names(false), after=2 * DAY)
    decided = project.prune()
    assert stored_backups(project) == names(true) | names(false)
    for manifest in false:
        assert decided.keep[manifest.name] == ["its date differs from the time it was stored: inspect it"]


def test_a_backup_that_took_its_time_is_a_true_one(
    project: Project, true: list[Manifest], false: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the earlier one of the same day is removed as usual, even if the store does not report times."""
    keep_time(project.store, monkeypatch, names(false), after=DAY - timedelta(minutes=1))
    assert set(map(str, project.prune().remove)) == names(true)
    assert stored_backups(project) == names(false)


def test_the_check_does_not_wait_for_them_to_be_pruned(
    project: Project, true: list[Manifest], false: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight backups of last week would be overdue if they were true."""
    older = [copied(project, true[0], true[0].name.created - (4 + n) * DAY) for n in range(8)]
    newest = project.back_up()
    record(project, newest.name, passed=True)
    keep_time(project.store, monkeypatch, names(false) | names(older), after=30 * DAY)
    check(project.session)


def test_they_cost_no_true_one_when_their_day_has_come(
    project: Project, true: list[Manifest], false: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were stored days before their dates. `latest` restores none of them either."""
    keep_time(project.store, monkeypatch, names(false), after=-3 * DAY)
    decided = project.prune()
    assert stored_backups(project) == names(true) | names(false)
    assert {str(name) for name, why in decided.keep.items() if "differs" in why[0]} == names(false)
    assert str(project.session.find("latest").name) in names(true)


def test_google_says_when_an_object_came(google_store: GoogleStore) -> None:
    before = datetime.now(UTC)
    google_store.write("v1/object", b"text")
    [found] = google_store.list("v1/")
    assert found.created
    assert before - timedelta(seconds=1) <= found.created <= datetime.now(UTC) + timedelta(seconds=1)
