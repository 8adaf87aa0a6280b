"""Backups made here that the store has lost or changed: each installation records its own."""

from dataclasses import replace
from typing import Final

import command
import pytest
from bedplate.backup.errors import BackupError
from dated import alarm, record, stored_backups, write_signed
from project import Configure, Project

pytestmark = pytest.mark.usefixtures("without_django")

ONE: Final = {"BACKUP_KEEP_DAILY": "1", "BACKUP_KEEP_WEEKLY": "0", "BACKUP_KEEP_MONTHLY": "0"}


@pytest.mark.parametrize("harm", ["deleted", "replaced"])
def test_a_backup_that_is_gone_is_missed(embedded: Project, harm: str) -> None:
    """The local record shows deleted backups, and those replaced by someone who has stolen the key."""
    first, second = embedded.back_up(), embedded.back_up()
    for backup in (first, second):
        record(embedded, backup.name, passed=True)
    assert alarm(embedded) == ""
    if harm == "deleted":
        embedded.store.delete(second.name.object("manifest.json"))
    else:
        write_signed(embedded, replace(second, media_files=7))
        record(embedded, second.name, passed=True)
    what = "is gone" if harm == "deleted" else "is not the one that was made here"
    assert f"{embedded.store.url}/{second.name} {what}" in alarm(embedded)
    result = command.run("--check", "--forget-lost")
    assert result.returncode == 0, result.stderr
    assert alarm(embedded) == ""


def test_what_retention_removes_is_not_missed(embedded: Project, configure: Configure) -> None:
    project = Project(configure(**ONE), embedded.store)
    for _ in range(3):
        made = project.back_up()
    record(project, made.name, passed=True)
    project.prune()
    assert stored_backups(project) == {str(made.name)}
    assert alarm(project) == ""


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"store": 1}', '{"store": "x", "backups": 7}', "\0"])
def test_a_damaged_memory_stops_nothing_and_is_an_alarm(embedded: Project, text: str) -> None:
    made = embedded.back_up()
    record(embedded, made.name, passed=True)
    (embedded.configuration.work / "made.json").write_text(text)
    assert "made.json cannot be read" in alarm(embedded) or text == "{}"
    embedded.verify()
    embedded.prune()
    embedded.back_up()
    assert alarm(embedded) == ""


def test_another_store_has_nothing_to_miss(embedded: Project, configure: Configure, gcs: str) -> None:
    embedded.back_up()
    configuration = configure(BACKUP_URL=gcs)
    moved = Project(configuration, configuration.open_store())
    made = moved.back_up()
    record(moved, made.name, passed=True)
    assert alarm(moved) == ""


@pytest.mark.parametrize("part", ["manifest.json.sig", "contents.json", "media.txt", "database/database.sqlite3"])
def test_a_part_that_is_gone_is_missed(embedded: Project, part: str) -> None:
    """It holds for every kept backup of any age: a drill checks only the newest one."""
    made = embedded.back_up()
    record(embedded, made.name, passed=True)
    embedded.store.delete(made.name.object(part))
    assert f"{made.name} has lost " in alarm(embedded)


def test_where_the_latest_is_gone_no_earlier_one_takes_its_place(embedded: Project) -> None:
    """It holds on the machine that made it; the URL of an earlier one still restores it."""
    first, second = embedded.back_up(), embedded.back_up()
    embedded.store.delete(second.name.object("manifest.json"))
    with pytest.raises(
        BackupError, match=f"{first.name} is not the latest that was made here: .*{second.name} is gone"
    ):
        embedded.restore()
    embedded.restore(f"{embedded.store.url}/{first.name}")
