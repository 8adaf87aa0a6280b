"""Restores never fill the disk of the PostgreSQL server: with a full disk it could not start again."""

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bedplate.backup import disk
from bedplate.backup.databases import postgresql
from bedplate.backup.databases.staged import LiveStaging
from bedplate.backup.errors import BackupError
from picture import connect
from project import MakeProject, Project

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("without_django")]


@pytest.fixture
def shop(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """Return a project with a backup, on the server of a Compose project whose disk is visible."""
    monkeypatch.setattr(postgresql, "DISK", tmp_path)
    project = make_project(POSTGRES_HOST="postgres", BACKUP_DISK_RESERVE_MB="100")
    with connect(project.configuration.variables) as connection:
        connection.execute("CREATE TABLE bulk AS SELECT n, repeat('x', 900) FROM generate_series(1, 50000) AS n")
    project.back_up()
    return project


def staging(project: Project) -> list[str]:
    """Return the databases beside the live one."""
    variables = project.configuration.variables
    with connect(variables, "postgres") as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s || '_')"
        return [name for (name,) in connection.execute(query, [variables.postgres_db]).fetchall()]


def test_the_real_size_and_the_log_are_needed_not_what_is_stored(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is compressed to one percent of its size."""
    manifest = shop.back_up()
    assert manifest.size * 20 < manifest.database_size
    free = manifest.database_size * 2 + (100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    with pytest.raises(BackupError, match=r"needs 1\d\d MB of disk beside the reserve of 100 MB.*Nothing was replaced"):
        shop.restore()
    assert staging(shop) == []


def test_below_the_reserve_the_load_is_ended(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may fill the disk at the same time."""
    free = [10 << 30]
    monkeypatch.setattr(disk, "free_space", lambda _folder: free[0])
    monkeypatch.setattr(disk, "POLL_SECONDS", 0.01)
    load = LiveStaging.load

    def load_and_fill(self: LiveStaging, folder: Path, **options: Any) -> str:
        with connect(shop.configuration.variables, "postgres") as server:
            load(self, folder, **options)
            free[0] = 1
            query = "SELECT FROM pg_database WHERE datname = %s AND datallowconn"
            while server.execute(query, [self.name]).fetchall():
                os.sched_yield()
        return ""

    monkeypatch.setattr(LiveStaging, "load", load_and_fill)
    with pytest.raises(BackupError, match=r"less than 100 MB left.*before the disk was full.*Nothing was replaced"):
        shop.restore()
    assert staging(shop) == []


def test_a_server_whose_disk_cannot_be_seen_is_told(shop: Project, make_project: MakeProject) -> None:
    elsewhere = make_project(shop.configuration.variables.postgres_db, POSTGRES_HOST=socket.gethostbyname("postgres"))
    elsewhere.restore()
    assert "The disk of the PostgreSQL server is not visible from here" in elsewhere.said.getvalue()
