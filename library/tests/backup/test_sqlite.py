"""Backups of embedded mode: SQLite, in use all the time."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from bedplate.backup.errors import BackupError
from project import Project, database_file, files, note, notes

pytestmark = pytest.mark.usefixtures("without_django")


def dump(project: Project) -> list[tuple[Any, ...]]:
    """Return the database's content: its schema, then each row of each table."""
    with closing(sqlite3.connect(database_file(project))) as connection:
        schema = connection.execute("SELECT name, type, sql FROM sqlite_schema ORDER BY name").fetchall()
        tables = ['"{}"'.format(name.replace('"', '""')) for name, kind, _sql in schema if kind == "table"]
        rows = (connection.execute(f"SELECT * FROM {table}") for table in tables)
        return [*schema, *chain.from_iterable(rows)]


def test_a_restored_database_is_the_one_that_was_backed_up(embedded: Project) -> None:
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.executescript("""
            CREATE TABLE "a ""table"" with 'quotes' % and ☃" (id integer, "☃" blob, doubled AS (id * 2) STORED);
            INSERT INTO "a ""table"" with 'quotes' % and ☃" VALUES (1, x'00ff27'), (2, 1e308), (3, NULL), (4, 'é%');
            CREATE TABLE strict_one (a any, b text) STRICT;
            CREATE TABLE without_ids (a text PRIMARY KEY) WITHOUT ROWID;
            CREATE VIRTUAL TABLE search USING fts5(body);
            INSERT INTO search VALUES ('some words');
            CREATE VIEW seen AS SELECT note FROM notes;
            CREATE TRIGGER shout AFTER INSERT ON notes BEGIN UPDATE strict_one SET b = new.note; END;
            ANALYZE;
        """)
    before, media = dump(embedded), files(embedded.media)
    embedded.back_up()
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.executescript("DROP TABLE notes; CREATE TABLE other (id integer); INSERT INTO other VALUES (1);")
    (embedded.media / "a.txt").write_text("changed")
    (embedded.media / "c.txt").write_text("new")
    embedded.restore()
    assert dump(embedded) == before
    assert files(embedded.media) == media


def test_an_empty_database_comes_back(embedded: Project) -> None:
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.execute("DROP TABLE notes")
    before = dump(embedded)
    embedded.back_up()
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.execute("CREATE TABLE other (id integer)")
    embedded.restore()
    assert dump(embedded) == before


def test_without_a_database_there_is_nothing_to_back_up(embedded: Project) -> None:
    database_file(embedded).unlink()
    with pytest.raises(BackupError, match=r"no database yet.*install_embedded\.sh"):
        embedded.back_up()
    assert list(embedded.store.list("v1/app/embedded/")) == []


def test_a_backup_shows_one_moment_of_a_database_that_is_written(embedded: Project) -> None:
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.execute("CREATE TABLE twins (note text)")
    ended, written = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(database_file(embedded), timeout=30, isolation_level=None)) as connection:
            while not ended.is_set():
                connection.executescript(
                    "BEGIN IMMEDIATE; INSERT INTO notes (note) VALUES ('x'); INSERT INTO twins VALUES ('x'); COMMIT;"
                )
                written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        embedded.back_up()
    finally:
        ended.set()
        writer.join()
    assert written[0] > 0
    embedded.restore()
    with closing(sqlite3.connect(database_file(embedded))) as connection:
        [(count, twins)] = connection.execute("SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM twins)")
        assert count == twins + 2


def test_the_application_keeps_its_connections_and_sees_what_was_restored(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "three")
    file = database_file(embedded)
    with closing(sqlite3.connect(file, autocommit=True)) as idle, closing(sqlite3.connect(file)) as reading:
        cursor = reading.execute("SELECT note FROM notes ORDER BY id")
        assert cursor.fetchone() == ("one",)
        assert len(idle.execute("SELECT note FROM notes").fetchall()) == 3
        cursor.close()
        reading.rollback()
        embedded.restore()
        assert len(idle.execute("SELECT note FROM notes").fetchall()) == 2
        idle.execute("INSERT INTO notes (note) VALUES ('after')")
        assert idle.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert idle.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert notes(embedded) == ["one", "two", "after"]


def test_a_page_that_is_being_read_stays_as_it_was(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "three")
    with closing(sqlite3.connect(database_file(embedded))) as reading:
        reading.execute("BEGIN")
        assert len(reading.execute("SELECT * FROM notes").fetchall()) == 3
        embedded.restore()
        assert len(reading.execute("SELECT * FROM notes").fetchall()) == 3
        reading.rollback()
        assert len(reading.execute("SELECT * FROM notes").fetchall()) == 2


def test_undo_brings_back_database_and_media_and_undo_again_the_restore(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "three")
    (embedded.media / "a.txt").write_text("changed")
    changed, media = ["one", "two", "three"], files(embedded.media)
    embedded.restore()
    restored = files(embedded.media)
    assert restored["a.txt"] == b"first"
    embedded.undo()
    assert (notes(embedded), files(embedded.media)) == (changed, media)
    embedded.undo()
    assert (notes(embedded), files(embedded.media)) == (["one", "two"], restored)
    embedded.undo()
    assert (notes(embedded), files(embedded.media)) == (changed, media)


def test_what_was_written_after_a_restore_is_not_lost_by_undoing_it_twice(embedded: Project) -> None:
    embedded.back_up()
    embedded.restore()
    note(embedded, "after")
    embedded.undo()
    assert notes(embedded) == ["one", "two"]
    embedded.undo()
    assert notes(embedded) == ["one", "two", "after"]


def test_without_a_restore_there_is_nothing_to_undo(embedded: Project) -> None:
    with pytest.raises(BackupError, match="nothing to undo"):
        embedded.undo()


@pytest.mark.parametrize("hours", [1, -1])
def test_only_what_the_last_restore_replaced_is_kept(
    embedded: Project, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """It holds even if the clock is an hour off at the second restore."""
    embedded.back_up()
    note(embedded, "three")
    embedded.restore()
    note(embedded, "four")
    with monkeypatch.context() as context:
        at_the_time = datetime.now(UTC) + timedelta(hours=hours)
        context.setattr("bedplate.backup.session.Session.now", lambda _session: at_the_time)
        embedded.restore()
    assert len(embedded.remains) == 1
    embedded.undo()
    assert notes(embedded) == ["one", "two", "four"]


def test_a_drill_leaves_everything_as_it_is(embedded: Project) -> None:
    embedded.back_up()
    note(embedded, "three")
    embedded.verify()
    assert notes(embedded) == ["one", "two", "three"]
    assert embedded.remains == []
