"""Features of SQLite only."""

from collections.abc import Callable
from pathlib import Path

import pytest
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.registry import AnonymizationError, Registry
from bedplate.django.anonymization.rules import Keep
from bedplate.django.anonymization.sqlite import SQLite
from django.db import connection
from django.db.utils import ConnectionHandler

from applications.anonymization.conftest import execute, query, run
from applications.anonymization.models import Person, Visit

type Planned = Callable[[], AnonymizationPlan]

SECRET = "the secret of a deleted row"


def test_old_rows_are_not_left_in_the_files(tmp_path: Path, transactional_db: None) -> None:
    file = tmp_path / "database.sqlite3"
    # Debian's SQLite overwrites deleted rows by default; others do not.
    options = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA secure_delete=OFF"}
    handler = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": options}}
    )
    connection = handler["default"]

    def bytes_of_all_files() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE letters (body text)")
            cursor.execute("INSERT INTO letters VALUES (%s)", [SECRET])
            cursor.execute("DELETE FROM letters")
        assert SECRET.encode() in bytes_of_all_files()
        SQLite(connection).compact()
        assert SECRET.encode() not in bytes_of_all_files()
    finally:
        connection.close()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="on SQLite only")
class TestTriggersAndShadowTables:
    """Triggers, full-text indexes and statistics keep no old value."""

    @pytest.fixture(autouse=True)
    def visits(self, people: None, registry: Registry) -> None:  # noqa: ARG002 - for its side effect
        registry.rules(Person, code=Keep())
        registry.rules(Visit, person=Keep())

    def test_triggers_do_not_run_and_exist_afterwards(self, plan: Planned) -> None:
        execute(
            "CREATE TRIGGER acting BEFORE UPDATE ON anonymising_person BEGIN SELECT raise(IGNORE); END",
            "CREATE VIEW shown AS SELECT email FROM anonymising_person",
            "CREATE TRIGGER of_view INSTEAD OF UPDATE ON shown BEGIN SELECT raise(IGNORE); END",
        )
        before = query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
        try:
            run(plan())
            assert not Person.objects.filter(email__iendswith="@example.org").exists()
            assert query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name") == before
        finally:
            execute("DROP VIEW shown")

    def test_an_unknown_trigger_is_an_error(self, plan: Planned) -> None:
        """For example a temporary one of this connection: reading the table afterwards detects it."""
        execute("CREATE TEMP TRIGGER acting BEFORE UPDATE ON anonymising_person BEGIN SELECT raise(IGNORE); END")
        with pytest.raises(AnonymizationError, match=r"anonymising_person\.email: 2 rows were to change, 0 did"):
            run(plan())
        assert Person.objects.filter(email="bob@example.org").exists()

    def test_a_full_text_index_is_deleted(self, plan: Planned, registry: Registry) -> None:
        execute(
            "CREATE VIRTUAL TABLE found USING fts5(email, content='anonymising_person')",
            "INSERT INTO found(found) VALUES ('rebuild')",
            "CREATE VIRTUAL TABLE alone USING fts5(body)",
            "INSERT INTO alone VALUES ('Dear Ada')",
        )
        try:
            named = {str(problem) for problem in plan().problems}
            assert {"found.email", "found_data.block", "alone.body", "alone_content.c0"} <= named
            registry.erase_table("found")
            registry.erase_table("alone")
            run(plan())
            assert query("SELECT rowid FROM found('example')") == []
            assert query("SELECT * FROM alone_content") == []
            execute("INSERT INTO alone VALUES ('it still works')")
            assert query("SELECT body FROM alone('works')") == [("it still works",)]
        finally:
            execute("DROP TABLE found", "DROP TABLE alone")

    def test_a_table_with_the_name_of_a_shadow_table_is_not_ignored(self, plan: Planned, registry: Registry) -> None:
        execute(
            "CREATE TABLE notes_content (body text)",
            "INSERT INTO notes_content VALUES ('Dear Ada')",
            "CREATE VIRTUAL TABLE notes USING fts5(body, content='notes_content')",
        )
        try:
            assert "notes_content.body" in {str(problem) for problem in plan().problems}
            registry.erase_table("notes")
            run(plan())
            assert query("SELECT * FROM notes_content") == []
        finally:
            execute("DROP TABLE notes", "DROP TABLE notes_content")

    def test_the_planners_statistics_are_deleted(self, plan: Planned) -> None:
        execute("CREATE INDEX mottoes ON anonymising_person (motto)", "ANALYZE")
        assert query("SELECT count(*) > 0 FROM sqlite_stat1") == [(1,)]
        run(plan())
        for (table,) in query("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat_'"):
            assert query(f"SELECT * FROM {table}") == []

    def test_a_type_whose_name_contains_a_safe_type_may_contain_text(self, plan: Planned) -> None:
        numbers = "e numeric(10, 2), f integer unsigned, g datetime, h bigint"
        execute(f"CREATE TABLE marks (a point, b fingerprint, c candidate, d, {numbers})")
        try:
            problems = {str(problem) for problem in plan().problems}
            assert {f"marks.{column}" for column in "abcd"} <= problems
            assert not {f"marks.{column}" for column in "efgh"} & problems
        finally:
            execute("DROP TABLE marks")

    def test_generated_columns_and_tables_without_rowid_and_strict_ones(
        self, plan: Planned, registry: Registry
    ) -> None:
        execute(
            "ALTER TABLE anonymising_visit ADD shown text GENERATED ALWAYS AS (upper(email)) VIRTUAL",
            "CREATE TABLE letters (body text PRIMARY KEY, any_kind any) STRICT, WITHOUT ROWID",
            "INSERT INTO letters VALUES ('Dear Ada', 1)",
        )
        try:
            assert {"letters.body", "letters.any_kind"} <= {str(problem) for problem in plan().problems}
            registry.keep_table("anonymising_visit")  # for the columns without a field
            registry.erase_table("letters")
            run(plan())
            assert query("SELECT * FROM letters") == []
            assert query("SELECT shown FROM anonymising_visit WHERE shown LIKE '%EXAMPLE.ORG'") == []
        finally:
            execute("DROP TABLE letters")
