"""`--export` in embedded mode, with the project's own `manage.py`: its output, and the unchanged live data."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bedplate.backup.django_commands import manage
from project import Configure, Project, database_file, files

CUSTOMER = "erika@customer.example"
DOCUMENT = "private/1/0123456789abcdef/passport.txt"
USER_WITH_DOCUMENT = f"""
    INSERT INTO users_user (id, email, password, name, is_superuser, is_staff, is_active, date_joined)
    VALUES (1, '{CUSTOMER}', 'secret', 'Erika Mustermann', 0, 0, 1, '2026-01-01');
    INSERT INTO media_document (owner_id, file, size, uploaded)
    VALUES (1, '{DOCUMENT.removeprefix("private/")}', 8, '2026-01-01');
"""


@pytest.fixture
def site(configure: Configure, embedded: Project) -> Project:
    """Return a project with Django's tables, and a user who uploaded a document."""
    database_file(embedded).unlink()
    manage("migrate", variables={})
    file = embedded.media / DOCUMENT
    file.parent.mkdir(parents=True)
    file.write_text("passport")
    with closing(sqlite3.connect(database_file(embedded))) as connection:
        connection.executescript(USER_WITH_DOCUMENT)
    return embedded


def exported(project: Project, tmp_path: Path) -> sqlite3.Connection:
    """Return a connection to the database of an export."""
    copy = tmp_path / "exported.sqlite3"
    copy.write_bytes(project.export("database")["database.sqlite3"])
    assert CUSTOMER.encode() not in copy.read_bytes()
    return sqlite3.connect(copy)


def test_an_export_is_anonymized_and_the_live_site_keeps_everything(site: Project, tmp_path: Path) -> None:
    """The document's row is erased in the copy; its file belongs to the live site, and stays."""
    before = files(site.media)
    with closing(exported(site, tmp_path)) as connection:
        ((email, password),) = connection.execute("SELECT email, password FROM users_user").fetchall()
        assert connection.execute("SELECT * FROM media_document").fetchall() == []
    assert (email.endswith("@example.invalid"), password) == (True, "!anonymised")
    assert site.export("media") == {}
    assert files(site.media) == before
    with closing(sqlite3.connect(database_file(site))) as connection:
        assert connection.execute("SELECT email FROM users_user").fetchall() == [(CUSTOMER,)]
        assert connection.execute("SELECT count(*) FROM media_document").fetchone() == (1,)


def test_an_older_database_is_migrated_before_it_is_anonymized(site: Project, tmp_path: Path) -> None:
    """The rules refer to the tables of the current code; the live database is not migrated."""
    manage("migrate", "cron_runs", "zero", variables={})
    with closing(exported(site, tmp_path)) as connection:
        assert connection.execute("SELECT count(*) FROM cron_runs_cronrun").fetchone() == (0,)
    with closing(sqlite3.connect(database_file(site))) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT * FROM cron_runs_cronrun")


def test_what_no_rule_classifies_stops_the_export(site: Project) -> None:
    """The error names the field, and nothing is left behind."""
    with closing(sqlite3.connect(database_file(site))) as connection:
        connection.execute("ALTER TABLE users_user ADD COLUMN diary text NOT NULL DEFAULT 'dear diary'")
    with pytest.raises(Exception, match=r"users_user\.diary"):
        site.export("database", "media")
    assert site.remains == []
