"""Backups dated in the future, by a wrong clock or by hand: they are reported, and do not count."""

from datetime import UTC, datetime, timedelta

import pytest
from bedplate.backup.errors import BackupError
from bedplate.backup.session import Session
from dated import copied, moved, stored_backups
from project import Configure, Project, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

DAY = timedelta(days=1)


@pytest.mark.parametrize("wanted", ["latest", "latest:embedded"])
def test_latest_skips_it_and_says_so(embedded: Project, wanted: str) -> None:
    future = moved(embedded, embedded.back_up(), datetime.now(UTC) + DAY)
    note(embedded, "three")
    embedded.back_up()
    note(embedded, "four")
    embedded.restore(wanted)
    assert notes(embedded) == ["one", "two", "three"]
    assert f"Skipped: {embedded.store.url}/{future.name} is dated in the future." in embedded.said.getvalue()


def test_by_its_url_it_is_restored(embedded: Project) -> None:
    future = moved(embedded, embedded.back_up(), datetime.now(UTC) + DAY)
    note(embedded, "three")
    embedded.restore(f"{embedded.store.url}/{future.name}")
    assert notes(embedded) == ["one", "two"]


def test_where_there_is_no_other_it_is_not_taken(embedded: Project) -> None:
    moved(embedded, embedded.back_up(), datetime.now(UTC) + DAY)
    for work in (embedded.restore, embedded.verify):
        with pytest.raises(BackupError, match="has no backup of embedded that is not dated in the future"):
            work()


def test_pruning_keeps_it_says_why_and_still_keeps_the_newest(embedded: Project, configure: Configure) -> None:
    """One of two other backups is removed, with or without the future one."""
    project = Project(configure(BACKUP_KEEP_DAILY="1", BACKUP_KEEP_WEEKLY="0", BACKUP_KEEP_MONTHLY="0"), embedded.store)
    newest = project.back_up()
    future = copied(project, newest, datetime.now(UTC) + DAY)
    copied(project, newest, datetime.now(UTC) - DAY)
    decided = project.prune()
    assert decided.keep[future.name] == ["dated in the future: inspect it"]
    assert stored_backups(project) == {str(newest.name), str(future.name)}


@pytest.mark.parametrize("back", [timedelta(minutes=50), timedelta(days=400)])
def test_after_the_clock_was_set_back_the_new_backup_is_the_latest(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    """Set back a little, it sorts after the earlier one; by a year, the earlier one is in the future and skipped."""
    first = embedded.back_up()
    note(embedded, "three")
    moment = datetime.now(UTC) - back
    monkeypatch.setattr(Session, "now", lambda _session: moment)
    second = embedded.back_up()
    note(embedded, "four")
    assert (second.name > first.name) == (back < DAY)
    assert embedded.verify().name == second.name
    embedded.restore()
    assert notes(embedded) == ["one", "two", "three"]


def test_the_future_of_others_does_not_move_new_names(embedded: Project) -> None:
    made = embedded.back_up()
    copied(embedded, made, datetime.now(UTC) + timedelta(minutes=50), environment="prod")
    copied(embedded, made, datetime.now(UTC) + DAY)
    assert embedded.back_up().name.created <= datetime.now(UTC)
