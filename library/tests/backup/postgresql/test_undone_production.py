"""PROD, restored and undone: the next restore does not lose changes to the data that was set aside."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.databases.postgresql import PostgreSQL
from bedplate.backup.errors import BackupError
from bedplate.backup.session import Session
from picture import connect
from project import MakeProject, Project

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.usefixtures("without_django")]

REFUSED = (
    r"--undo set aside is in no backup with the changes since (....-..-.. ..:.. UTC): this restore would "
    r"remove it\..* --undo, then -b, then --undo, then this again\..*--forget-set-aside\. Nothing was replaced\."
)


def write(project: Project, note: str) -> None:
    """Write into the live database."""
    with connect(project.configuration.variables) as connection:
        connection.execute("INSERT INTO notes VALUES (%s)", [note])


def notes(project: Project) -> list[str]:
    """Return what the live database says."""
    with connect(project.configuration.variables) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes").fetchall()]


@pytest.fixture
def make_restored(make_project: MakeProject) -> Callable[[str], Project]:
    """Return a function that makes an environment: backed up, then a note "late", then restored and changed."""

    def make(environment: str) -> Project:
        project = make_project(ENVIRONMENT=environment)
        with connect(project.configuration.variables) as connection:
            connection.execute("CREATE TABLE notes AS SELECT 'one' AS note")
        project.back_up()
        write(project, "late")
        project.restore()
        write(project, "since")
        return project

    return make


@pytest.fixture
def restored(make_restored: Callable[[str], Project]) -> Project:
    """Return PROD in that state."""
    return make_restored("prod")


def test_what_an_undoing_sets_aside_outlives_the_next_restore(restored: Project) -> None:
    restored.undo()
    with pytest.raises(BackupError, match=REFUSED):
        restored.restore()
    assert notes(restored) == ["one", "late"]
    restored.undo()
    assert notes(restored) == ["one", "since"]


def test_people_hear_from_when_on_there_is_no_backup(restored: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the restore, not of the undo half an hour later."""
    now = datetime.now(UTC)
    monkeypatch.setattr(Session, "now", lambda _session: now + timedelta(minutes=30))
    restored.undo()
    with pytest.raises(BackupError, match=REFUSED) as refused:
        restored.restore()
    found = re.search(REFUSED, str(refused.value))
    assert found
    since = datetime.strptime(found[1], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert now - timedelta(minutes=5) < since <= now


def test_the_way_that_is_named_keeps_all_of_it_in_backups(restored: Project) -> None:
    restored.undo()
    write(restored, "undone")
    with pytest.raises(BackupError, match=REFUSED):
        restored.restore()
    restored.undo()
    backup = restored.back_up()
    restored.undo()
    restored.restore(f"{restored.store.url}/{backup.name}")
    assert notes(restored) == ["one", "since"]
    restored.restore()  # the newest backup, which that restore made of the replaced data
    assert notes(restored) == ["one", "late", "undone"]


def test_it_goes_if_that_is_said(restored: Project) -> None:
    restored.undo()
    restore(restored.session, "latest", forget_set_aside=True)
    restored.restore()  # the data that it replaced was backed up first
    restored.restore()


def test_after_a_backup_nothing_is_asked(restored: Project) -> None:
    restored.back_up()
    restored.undo()
    restored.restore()


def test_a_backup_of_what_is_live_says_nothing_of_what_is_set_aside(restored: Project) -> None:
    restored.undo()
    restored.back_up()
    with pytest.raises(BackupError, match=REFUSED):
        restored.restore()


@pytest.mark.parametrize("undone", [2, 3])
def test_undoing_again_forgets_neither_side(restored: Project, undone: int) -> None:
    """Changes after an undo are in no backup either."""
    for number in range(undone):
        restored.undo()
        write(restored, f"undone {number}")
    with pytest.raises(BackupError, match=REFUSED):
        restored.restore()
    restored.undo()
    assert f"undone {undone - 2}" in notes(restored)


def test_an_undoing_that_fails_forgets_nothing(restored: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BackupError("no answer.")

    with monkeypatch.context() as patch:
        patch.setattr(PostgreSQL, "swap_back", fail)
        with pytest.raises(BackupError, match=r"no answer\. Nothing was replaced\."):
            restored.undo()
    restored.undo()
    with pytest.raises(BackupError, match=REFUSED):
        restored.restore()


def test_the_way_that_is_named_restores_a_better_backup_over_what_cannot_be_backed_up(restored: Project) -> None:
    without = frozenset({"damaged-database"})
    restore(restored.session, "latest", without_backup_first=without)
    write(restored, "over it")
    with pytest.raises(BackupError, match=r"was never backed up: this .* -b, then --undo, then this again\..*Nothing"):
        restored.restore()
    url = f"{restored.store.url}/{restored.back_up().name}"
    restored.undo()
    restore(restored.session, url, without_backup_first=without)
    assert notes(restored) == ["one", "late", "over it"]
    restored.undo()
    assert notes(restored) == ["one", "since"]


@pytest.mark.parametrize("environment", ["local", "dev"])
def test_elsewhere_nothing_is_asked(make_restored: Callable[[str], Project], environment: str) -> None:
    project = make_restored(environment)
    for _ in range(2):
        project.undo()
        project.restore()
    assert notes(project) == ["one"]
