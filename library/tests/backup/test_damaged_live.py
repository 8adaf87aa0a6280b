"""Restores when the live data is damaged or gone, which is when they are needed."""

import errno
from pathlib import Path
from typing import Final

import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.databases import sqlite
from bedplate.backup.errors import BackupError
from commands import attempt
from project import Project, database_file, files, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

WITHOUT: Final = frozenset({"damaged-database"})


def damage(path: Path) -> None:
    """Damage a database so that it is unreadable."""
    path.write_bytes(b"this is no database" * 1000)


def test_a_damaged_database_is_replaced_and_kept_as_it_is(embedded: Project) -> None:
    embedded.back_up()
    damage(database_file(embedded))
    damaged = database_file(embedded).read_bytes()
    embedded.restore()
    assert notes(embedded) == ["one", "two"]
    (kept,) = embedded.configuration.work.glob("previous-*/database.sqlite3")
    assert kept.read_bytes() == damaged
    note(embedded, "after")
    embedded.back_up()
    embedded.verify()
    embedded.restore()


@pytest.mark.parametrize("begun", [False, True])
def test_a_damaged_database_outlives_a_restore_that_fails(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    """It holds even if SQLite had begun to write, before a full disk or a kill."""
    embedded.back_up()
    damage(database_file(embedded))
    damaged = database_file(embedded).read_bytes()
    copy = sqlite._copy  # noqa: SLF001 - the last step of the swap, which has no other name

    def fail(source: Path, target: Path) -> None:
        if target.name == sqlite.FILE:  # not the kept copy, which is unfinished at first
            if begun:
                target.touch()
            raise OSError(errno.EIO, "Input/output error")
        copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_copy", fail)
        with pytest.raises(BackupError, match=r"Input/output error\. Nothing was replaced\."):
            embedded.restore()
    assert database_file(embedded).read_bytes() == damaged
    assert embedded.remains == []


def test_a_missing_database_is_restored_and_an_empty_one_kept(embedded: Project) -> None:
    media = files(embedded.media)
    embedded.back_up()
    database_file(embedded).unlink()
    (embedded.media / "a.txt").write_text("of the lost database")
    embedded.restore()
    assert (notes(embedded), files(embedded.media)) == (["one", "two"], media)
    embedded.undo()
    assert files(embedded.media)["a.txt"] == b"of the lost database"
    embedded.undo()
    assert (notes(embedded), files(embedded.media)) == (["one", "two"], media)


@pytest.mark.parametrize("name", ["folder/private", pytest.param("folder/private/file", marks=pytest.mark.slow)])
def test_unreadable_media_are_set_aside_and_come_back(embedded: Project, name: str) -> None:
    """They cannot be copied, and are kept until the restore after the next."""
    embedded.back_up()
    (embedded.media / "folder/private").mkdir(parents=True)
    (embedded.media / "folder/private/file").write_text("unreadable")
    (embedded.media / name).chmod(0)
    for arguments in (("-r", "latest"), ("--undo",)):
        status, said = attempt(*arguments)
        assert status == 0, said
    (embedded.media / name).chmod(0o700)
    assert files(embedded.media)["folder/private/file"] == b"unreadable"
    (embedded.media / name).chmod(0)
    for _ in range(2):
        status, said = attempt("-r", "latest")
        assert status == 0, said
    assert set(files(embedded.media)) == {"a.txt", "b.txt"}
    assert len(embedded.remains) == 1
    assert "could not be removed" not in said


def test_what_was_set_aside_without_a_backup_is_removed_only_if_that_is_said(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "never backed up")
    restore(embedded.session, "latest", without_backup_first=WITHOUT)
    with pytest.raises(BackupError, match=r"never backed up.*--undo.*--forget-set-aside.*Nothing was replaced\."):
        embedded.restore()
    embedded.undo()
    assert notes(embedded) == ["one", "two", "never backed up"]
    restore(embedded.session, "latest", without_backup_first=WITHOUT)
    restore(embedded.session, "latest", forget_set_aside=True)
    embedded.restore()  # the data that it replaced needs no option


@pytest.mark.parametrize("undone", range(1, 5))
def test_undoing_does_not_forget_that_there_is_no_backup(embedded: Project, undone: int) -> None:
    """Whichever of the two is live, no further restore removes data without a backup, unless the option is given."""
    embedded.back_up()
    note(embedded, "never backed up")
    restore(embedded.session, "latest", without_backup_first=WITHOUT)
    for _ in range(undone):
        embedded.undo()
    if undone % 2:  # it is live, and the next restore sets it aside again
        assert notes(embedded) == ["one", "two", "never backed up"]
        embedded.restore()
    assert notes(embedded) == ["one", "two"]
    with pytest.raises(BackupError, match=r"never backed up.*Nothing was replaced\."):
        embedded.restore()
    embedded.undo()
    assert notes(embedded) == ["one", "two", "never backed up"]
    embedded.undo()
    restore(embedded.session, "latest", forget_set_aside=True)
    embedded.restore()  # the data that it replaced needs no option


def test_what_is_backed_up_once_it_is_live_again_needs_no_word(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "backed up late")
    restore(embedded.session, "latest", without_backup_first=WITHOUT)
    embedded.undo()
    late = embedded.back_up()
    for _ in range(3):
        embedded.restore(f"{embedded.store.url}/{late.name}")
    assert notes(embedded) == ["one", "two", "backed up late"]


def test_an_undoing_that_fails_leaves_the_marks_as_they_were(
    embedded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.back_up()
    restore(embedded.session, "latest", without_backup_first=WITHOUT)
    before = embedded.remains
    with monkeypatch.context() as patch:
        patch.setattr(sqlite.SQLite, "swap_back", _fail)
        with pytest.raises(BackupError, match="Input/output error"):
            embedded.undo()
    assert embedded.remains == before
    with pytest.raises(BackupError, match="never backed up"):
        embedded.restore()


def test_a_failed_restore_leaves_no_mark(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite.SQLite, "swap", _fail)
        with pytest.raises(BackupError, match="Input/output error"):
            restore(embedded.session, "latest", without_backup_first=WITHOUT)
    assert embedded.remains == []


def _fail(*_arguments: object) -> None:
    raise OSError(errno.EIO, "Input/output error")
