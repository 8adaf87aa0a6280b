"""Disk usage at the worst moment of a restore in embedded mode, compared with the required space."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bedplate.backup.databases import sqlite
from bedplate.backup.disk import MEGABYTE
from bedplate.backup.errors import BackupError
from project import Project, database_file
from test_little_room import leave_free

pytestmark = pytest.mark.usefixtures("without_django")


@pytest.fixture
def application(embedded: Project) -> Iterator[sqlite3.Connection]:
    """Return the application's connection to the live database, which keeps its write-ahead log on the disk."""
    with closing(sqlite3.connect(database_file(embedded), autocommit=True)) as connection:
        connection.execute("CREATE TABLE bulk (data blob)")
        yield connection


def fill(application: sqlite3.Connection, megabytes: int) -> None:
    """Set the size of the database, with an empty log."""
    application.execute("DELETE FROM bulk")
    application.executemany("INSERT INTO bulk VALUES (?)", [[os.urandom(MEGABYTE)] for _ in range(megabytes)])
    application.execute("VACUUM")
    application.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def used(project: Project) -> int:
    """Return the total size of the installation's files."""
    return sum(path.stat().st_size for path in project.configuration.variables.data_directory.rglob("*"))


@pytest.mark.parametrize(("backed_up", "live"), [(4, 12), (12, 4), (8, 8)])
def test_a_restore_asks_for_what_it_takes_at_the_worst_moment(
    embedded: Project,
    application: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    backed_up: int,
    live: int,
) -> None:
    """It counts the staging database, the kept copy of the live one, the swap's log, and the live file's growth."""
    fill(application, backed_up)
    size = embedded.back_up().database_size
    fill(application, live)
    before, seen, copy = used(embedded), list[int](), sqlite._copy  # noqa: SLF001 - every step of the swap ends with it

    def copy_and_look(source: Path, target: Path) -> None:
        copy(source, target)
        seen.append(used(embedded) - before)
        application.execute("PRAGMA wal_checkpoint")  # as its next write does
        seen.append(used(embedded) - before)

    asked = embedded.session.database.room(size)
    monkeypatch.setattr(sqlite, "_copy", copy_and_look)
    embedded.restore()
    assert max(seen) <= asked <= 1.1 * max(seen)


def test_the_live_database_counts(
    embedded: Project, application: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live database is large, and the restored one is small."""
    embedded.back_up()
    fill(application, 4)
    leave_free(embedded, monkeypatch, megabytes=3)
    with pytest.raises(BackupError, match=r"needs 5 MB of disk .* 1027 are free\. Make room\. Nothing was replaced\."):
        embedded.restore()


def test_what_is_still_in_the_log_counts(embedded: Project, application: sqlite3.Connection) -> None:
    application.execute("PRAGMA wal_autocheckpoint = 0")
    application.execute("INSERT INTO bulk VALUES (?)", [os.urandom(MEGABYTE)])
    assert database_file(embedded).stat().st_size < MEGABYTE / 10
    assert MEGABYTE < embedded.session.database.size() < 1.1 * MEGABYTE
