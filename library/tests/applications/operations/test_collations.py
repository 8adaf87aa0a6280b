"""A database whose indexes have other collation versions than its server."""

from collections.abc import Iterator
from io import StringIO

import pytest
from bedplate.django.operations.collations import differences
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite sorts by itself"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("configure"),
]


def rebuild() -> str:
    output = StringIO()
    call_command("rebuild_indexes", stdout=output)
    return output.getvalue()


def warnings() -> str:
    output = StringIO()
    call_command("check", databases=["default"], stderr=output)
    return output.getvalue()


@pytest.fixture
def rows() -> Iterator[None]:
    """Create a table with indexed text; set older versions of the database's collation and of the table's own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE COLLATION own (provider = icu, locale = 'de')")
        cursor.execute("CREATE TABLE words (word text, other text COLLATE own); CREATE INDEX sorted ON words (word)")
        cursor.execute(
            "UPDATE pg_database SET datcollversion = '2.0' WHERE datname IN (current_database(), 'template1')"
        )
        cursor.execute("UPDATE pg_collation SET collversion = '1' WHERE collname IN ('own', 'fr-x-icu', 'de-x-icu')")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE words; DROP COLLATION own")
    rebuild()


def index_file() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('sorted')")
        return int(cursor.fetchone()[0])


def test_matching_collation_versions_cause_no_warning() -> None:
    assert warnings() == ""
    assert Client().get("/health/background").json()["checks"]["collations"]["status"] == "ok"
    assert "Nothing to do" in rebuild()


@pytest.mark.usefixtures("rows")
def test_the_warning_stays_until_indexes_are_rebuilt() -> None:
    with connection.cursor() as cursor:
        found = differences(cursor)
    own = str(connection.settings_dict["NAME"])
    assert sorted((one.kind, one.name, one.sorted_by) for one in found) == [
        ("COLLATION", "own", "1"),  # without unused ones
        *sorted([("DATABASE", own, "2.0"), ("DATABASE", "template1", "2.0")]),
    ]
    assert "(operations.W001) The database " in warnings()
    answer = Client().get("/health/background")
    assert answer.status_code == 503
    assert "was sorted by version 2.0" in answer.json()["checks"]["collations"]["error"]
    before = index_file()
    assert "Indexes are sorted as the server sorts." in rebuild()
    assert index_file() != before
    assert warnings() == ""


@pytest.mark.usefixtures("rows")
def test_no_version_is_recorded_while_a_unique_index_has_duplicates() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO words VALUES ('twice'), ('twice')")
        cursor.execute("UPDATE pg_index SET indisunique = true WHERE indexrelid = 'sorted'::regclass")
    with pytest.raises(CommandError, match=r"(?s)twice.*delete or change one"):
        rebuild()
    with connection.cursor() as cursor:
        assert len(differences(cursor)) == 3
