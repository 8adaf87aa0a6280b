"""A database whose indexes were sorted by other libraries than its server has."""

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
    """Yield with a table whose text is indexed, the database's collation and another one of its own being older."""
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


def test_nothing_is_said_of_a_database_that_is_sorted_as_the_server_sorts() -> None:
    assert warnings() == ""
    assert Client().get("/health/background").json()["checks"]["collations"]["status"] == "ok"
    assert "Nothing to do" in rebuild()


@pytest.mark.usefixtures("rows")
def test_it_is_said_until_indexes_are_rebuilt() -> None:
    with connection.cursor() as cursor:
        found = differences(cursor)
    own = str(connection.settings_dict["NAME"])
    assert sorted((one.kind, one.name, one.sorted_by) for one in found) == [
        ("COLLATION", "own", "1"),  # and none that is not used
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
def test_nothing_is_noted_while_an_index_has_two_rows_of_a_value() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO words VALUES ('twice'), ('twice')")
        cursor.execute("UPDATE pg_index SET indisunique = true WHERE indexrelid = 'sorted'::regclass")
    with pytest.raises(CommandError, match=r"(?s)twice.*remove or change one"):
        rebuild()
    with connection.cursor() as cursor:
        assert len(differences(cursor)) == 3
