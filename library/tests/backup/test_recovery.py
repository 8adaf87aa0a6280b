"""The messages of a failed restore, and the recovery by the next command."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from bedplate.backup.commands.restore import restore
from bedplate.backup.databases.sqlite import SQLite
from bedplate.backup.errors import BackupError, WrongUseError
from bedplate.backup.live_media import LiveMedia
from commands import attempt
from project import Project, database_file, files, note, notes

pytestmark = pytest.mark.usefixtures("without_django")

WAYS: Final = ("back_up", "restore", "undo")


@pytest.fixture
def half_restored(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project whose last restore was stopped between the database and the media."""
    embedded.back_up()
    note(embedded, "late")
    (embedded.media / "a.txt").write_text("late")
    with monkeypatch.context() as patch:
        fail(patch, LiveMedia, "swap", OSError(errno.EBUSY, os.strerror(errno.EBUSY), "the media"))
        said = r"^the media: Device or resource busy\. The database was replaced, the media files were not yet"
        with pytest.raises(BackupError, match=said):
            embedded.restore()
    return embedded


def fail(patch: pytest.MonkeyPatch, of: type, name: str, error: Exception) -> None:
    """Make a method raise an error."""

    def raise_it(*_arguments: object) -> None:
        raise error

    patch.setattr(of, name, raise_it)


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_finished_is_said_and_nothing_else_done(
    half_restored: Project, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The next command that can finish the restore does so."""
    before = {stored.name for stored in half_restored.store.list("")}
    with monkeypatch.context() as patch:
        fail(patch, LiveMedia, "swap", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "the media"))
        with pytest.raises(BackupError) as caught:
            getattr(half_restored, way)()
    ending = "" if way == "back_up" else " Nothing was replaced."
    assert str(caught.value) == f"the media: No space left on device. Make room.{ending}"
    assert {stored.name for stored in half_restored.store.list("")} == before
    half_restored.back_up()
    assert (notes(half_restored), files(half_restored.media)["a.txt"]) == (["one", "two"], b"first")
    half_restored.undo()
    assert (notes(half_restored), files(half_restored.media)["a.txt"]) == (["one", "two", "late"], b"late")


def test_a_database_that_no_longer_answers_leaves_it_open(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says so, and that cleaning up failed too; the next command cleans up."""
    embedded.back_up()
    with monkeypatch.context() as patch:
        for name in ("swap", "swapped"):
            fail(patch, SQLite, name, BackupError(f"{name}: no answer."))
        with pytest.raises(BackupError) as caught:
            embedded.restore()
    assert str(caught.value) == (
        "swap: no answer. It is not known whether anything was replaced: the next -b, -r or --undo finishes it, "
        "or removes what was begun."
    )
    assert "Cleaning up failed too; the next command does it. (swapped: no answer.)" in embedded.said.getvalue()
    embedded.back_up()
    assert embedded.remains == []


def test_before_a_restore_has_begun_nothing_is_replaced(
    half_restored: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds even if the database does not answer: it is not accessed."""
    with monkeypatch.context() as patch:
        fail(patch, SQLite, "swapped", BackupError("no answer."))
        with pytest.raises(BackupError, match=r"^no answer\. Nothing was replaced\.$"):
            half_restored.restore()


def test_an_unexpected_error_is_not_translated(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is not translated, so that its traceback is stored (test_command_line.py). Cleanup is done anyway."""
    embedded.back_up()
    unforeseen = UnicodeDecodeError("utf-8", b"x", 0, 1, "unforeseen")
    with monkeypatch.context() as patch:
        fail(patch, SQLite, "swap", unforeseen)
        with pytest.raises(UnicodeDecodeError) as caught:
            embedded.restore()
    assert caught.value is unforeseen
    assert embedded.remains == []


@pytest.mark.parametrize("way", ["back_up", "restore"])
def test_what_killed_commands_left_is_removed(embedded: Project, way: str) -> None:
    embedded.back_up()
    left = [embedded.configuration.work / name for name in ("scratch-1a2b", "staging-20260101t000000_abcd")]
    for folder in left:
        (folder / "database").mkdir(parents=True)
        (folder / "database/database.sqlite3").write_text("of a restore that was killed")
    getattr(embedded, way)()
    assert not [folder for folder in left if folder.exists()]
    assert notes(embedded) == ["one", "two"]


def test_what_a_restore_did_is_returned_and_shown(embedded: Project) -> None:
    manifest = embedded.back_up()
    restored = embedded.restore()
    assert (restored.manifest, restored.anonymized, restored.media_files) == (manifest, False, 2)
    embedded.undo()
    said = embedded.said.getvalue()
    assert said.index("Fetch and check the media …") < said.index("Swap …") < said.index("Swap back …")


def test_what_is_staged_is_for_its_owner_alone(embedded: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.back_up()
    swap, modes = SQLite.swap, set[int]()

    def look_and_swap(self: SQLite, identifier: str) -> None:
        modes.add(self.work_directory.staging(identifier).stat().st_mode & 0o777)
        swap(self, identifier)

    monkeypatch.setattr(SQLite, "swap", look_and_swap)
    embedded.restore()
    assert modes == {0o700}


@pytest.mark.parametrize("why", ["damaged-database", "unreadable-media", "damaged-database,unreadable-media"])
def test_why_there_is_no_backup_first_is_one_of_the_words_for_it(embedded: Project, why: str) -> None:
    embedded.back_up()
    status, said = attempt("-r", "latest", "--without-backup-first", why)
    assert status == 0, said


def test_a_database_that_is_there_is_not_missing(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "late")
    for arguments in (("missing-database",), ("missing-database,damaged-database",)):
        status, said = attempt("-r", "latest", "--without-backup-first", *arguments)
        assert status == 2, said
        assert "The database exists. If it is damaged, give damaged-database. Nothing was replaced." in said
    with pytest.raises(WrongUseError, match="The database exists"):
        restore(embedded.session, "latest", without_backup_first=frozenset({"missing-database"}))
    assert notes(embedded) == ["one", "two", "late"]


def test_a_missing_database_may_be_called_so(embedded: Project) -> None:
    embedded.back_up()
    database_file(embedded).unlink()
    status, said = attempt("-r", "latest", "--without-backup-first", "missing-database")
    assert status == 0, said
    assert notes(embedded) == ["one", "two"]


def test_outside_of_prod_no_backup_is_made_first(embedded: Project) -> None:
    embedded.back_up()
    before = {stored.name for stored in embedded.store.list("")}
    embedded.restore()
    restore(embedded.session, "latest", without_backup_first=frozenset({"damaged-database"}))
    assert {stored.name for stored in embedded.store.list("")} == before


def test_media_that_cannot_be_replaced_stop_the_undoing_beforehand(
    embedded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stop a restore in the same way (test_mounted_media.py)."""
    embedded.back_up()
    embedded.restore()
    note(embedded, "since then")
    monkeypatch.setattr("bedplate.backup.live_media.mounts_below", lambda _root: [Path("/data/uploads/mounted")])
    with pytest.raises(BackupError, match=r"is a mount inside of the media folder.*Nothing was replaced\."):
        embedded.undo()
    assert notes(embedded) == ["one", "two", "since then"]


@pytest.mark.parametrize("arguments", [("-r", "latest"), ("--verify", "latest")])
def test_a_backup_of_newer_code_is_refused(embedded: Project, arguments: tuple[str, str]) -> None:
    """A drill refuses it too: a backup that a restore would refuse is not verified."""
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.executescript("""
            CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied datetime);
            INSERT INTO django_migrations VALUES (1, 'users', '0999_from_the_future', '2026-01-01');
        """)
    embedded.back_up()
    status, said = attempt(*arguments)
    assert status == 1
    assert "users.0999_from_the_future" in said
