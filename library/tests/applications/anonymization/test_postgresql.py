"""Features of PostgreSQL only: schemas, partitions, materialized views, large objects, row security, statistics."""

from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from bedplate.django.anonymization import postgresql
from bedplate.django.anonymization.anonymizer import configured_database
from bedplate.django.anonymization.plan import AnonymizationPlan
from bedplate.django.anonymization.postgresql import PostgreSQL
from bedplate.django.anonymization.registry import AnonymizationError, Model, Registry
from django.core.management import call_command
from django.db import connection

from applications.anonymization.conftest import execute, query, require_superuser, run
from applications.anonymization.models import Person, Visit

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on PostgreSQL only"),
    pytest.mark.django_db(transaction=True),
]

SUBSCRIPTIONS = "SELECT FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()"

type Planned = Callable[[], AnonymizationPlan]


@pytest.fixture
def database(transactional_db: None) -> PostgreSQL:
    """Return the tests' database."""
    return PostgreSQL(connection)


@pytest.fixture
def archive(transactional_db: None) -> Iterator[None]:
    """Create a schema for a test."""
    execute("CREATE SCHEMA archive")
    yield
    execute("DROP SCHEMA archive CASCADE")


def columns(database: PostgreSQL) -> set[str]:
    return {str(column) for column in database.text_columns()}


def test_columns_of_all_schemas_and_unsafe_types_are_found(database: PostgreSQL, archive: None) -> None:
    before = columns(database)
    execute(
        "CREATE DOMAIN archive.number AS integer",
        "CREATE TABLE archive.letters (id bigint, at timestamptz, body varchar(9), tags text[], raw bytea, "
        "address inet, data jsonb, own archive.number, twice text GENERATED ALWAYS AS (body || body))",
        "CREATE VIEW archive.seen AS SELECT body AS view_of_it FROM archive.letters",
    )
    found = {"body", "tags", "raw", "address", "data", "own", "twice"}
    assert columns(database) - before == {f"archive.letters.{name}" for name in found}


def test_a_partition_and_a_child_count_as_their_parent(database: PostgreSQL, archive: None) -> None:
    before = columns(database)
    execute(
        "CREATE TABLE archive.parent (id int, body text) PARTITION BY RANGE (id)",
        "CREATE TABLE archive.part PARTITION OF archive.parent FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id)",
        "CREATE TABLE archive.part_of_part PARTITION OF archive.part FOR VALUES FROM (0) TO (5)",
        "CREATE TABLE archive.base (id int, body text)",
        "CREATE TABLE archive.child (more text) INHERITS (archive.base)",
    )
    assert columns(database) - before == {"archive.parent.body", "archive.base.body", "archive.base.more"}


def test_a_table_of_another_schema_is_erased_by_its_name(
    archive: None, people: None, plan: Planned, registry: Registry
) -> None:
    execute("CREATE TABLE archive.letters (body text)", "INSERT INTO archive.letters VALUES ('Dear Ada')")
    registry.erase_table("archive.letters")
    assert run(plan())["archive.letters"] == 1
    assert query("SELECT FROM archive.letters") == []


def test_an_immediate_constraint_is_checked_at_the_end(people: None, plan: Planned) -> None:
    (name,) = query(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'anonymising_visit'::regclass AND contype = 'f'"
    )
    execute(f"ALTER TABLE anonymising_visit ALTER CONSTRAINT {name[0]} DEFERRABLE INITIALLY IMMEDIATE")
    assert run(plan())["anonymising.Person"] == 2


def test_large_objects_are_named_until_they_are_erased(people: None, plan: Planned, registry: Registry) -> None:
    execute("SELECT lo_from_bytea(0, 'Dear Ada')")
    try:
        assert [str(problem) for problem in plan().problems] == ["pg_largeobject.data"]
        registry.erase_table("pg_largeobject")
        run(plan())
        assert query("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]
    finally:
        execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")


def test_a_materialized_view_is_refreshed(people: None, plan: Planned) -> None:
    execute(
        "CREATE MATERIALIZED VIEW emails AS SELECT email FROM anonymising_person",
        "CREATE MATERIALIZED VIEW more AS SELECT email FROM emails",
        "CREATE MATERIALIZED VIEW not_filled AS SELECT email FROM emails WITH NO DATA",
    )
    try:
        run(plan())
        assert query("SELECT count(*) FROM more WHERE email LIKE '%example.invalid'") == [(2,)]
        assert query("SELECT relispopulated FROM pg_class WHERE relname = 'not_filled'") == [(False,)]
    finally:
        execute("DROP MATERIALIZED VIEW emails CASCADE")


def test_rows_hidden_by_row_security_are_changed(people: None, plan: Planned) -> None:
    require_superuser("sets a role without its membership")
    execute(
        "CREATE ROLE row_reader",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO row_reader",
        "ALTER TABLE anonymising_person ENABLE ROW LEVEL SECURITY",
    )
    try:
        made = plan()
        execute("SET ROLE row_reader")
        with pytest.raises(Exception, match="row-level security"):
            run(made)
    finally:
        execute("RESET ROLE", "DROP OWNED BY row_reader", "DROP ROLE row_reader")


@pytest.mark.parametrize(
    ("state", "enabled"), [("DISABLE", "D"), ("ENABLE", "O"), ("ENABLE ALWAYS", "A"), ("ENABLE REPLICA", "R")]
)
def test_triggers_keep_their_state(people: None, plan: Planned, state: str, enabled: str) -> None:
    execute(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$",
        'CREATE TRIGGER "a ""trigger" AFTER UPDATE ON anonymising_person FOR EACH ROW EXECUTE FUNCTION nothing()',
        f'ALTER TABLE anonymising_person {state} TRIGGER "a ""trigger"',
    )
    try:
        run(plan())
        assert query("SELECT tgenabled::text FROM pg_trigger WHERE tgname LIKE 'a \"%'") == [(enabled,)]
    finally:
        execute("DROP FUNCTION nothing() CASCADE")


@pytest.mark.parametrize("models", [[], [Person, Visit]], ids=["replaced", "erased"])
def test_old_rows_are_in_no_data_file_and_no_statistics(
    people: None, plan: Planned, registry: Registry, models: list[Model]
) -> None:
    require_superuser("reads the server's files")

    def traces() -> tuple[bool, bool]:
        execute("CHECKPOINT")
        file = "pg_read_binary_file(pg_relation_filepath('anonymising_person'))"
        in_file = query(f"SELECT position('@example.org'::bytea IN {file}) > 0")
        in_statistics = query("SELECT FROM pg_stats WHERE histogram_bounds::text LIKE '%@example.org%'")
        return bool(in_file[0][0]), bool(in_statistics)

    # Enough for more than one page: within a page, new rows may overwrite the old ones.
    Person.objects.bulk_create(Person(code=str(number), email=f"{number}@example.org") for number in range(300))
    execute("ANALYZE anonymising_person")
    assert traces() == (True, True)
    registry.erase(*models)
    run(plan())
    configured_database().compact()
    assert traces() == (False, False)


def test_the_command_rewrites_the_tables(transactional_db: None) -> None:
    file = "SELECT pg_relation_filepath('users_user')"
    before = query(file)
    call_command("anonymise", database=str(connection.settings_dict["NAME"]), stdout=StringIO())
    assert query(file) != before


def test_statistics_of_erased_rows_are_deleted(people: None, plan: Planned, registry: Registry) -> None:
    Person.objects.bulk_create(Person(code=f"p{n}", email=f"{n}@example.org", nickname="adas") for n in range(300))
    execute(
        "CREATE INDEX ON anonymising_person (upper(email))",
        "CREATE STATISTICS both_of_them (mcv) ON nickname, (lower(nickname)) FROM anonymising_person",
        "ALTER STATISTICS both_of_them SET STATISTICS 50",
        "COMMENT ON STATISTICS both_of_them IS 'a comment'",
        "ANALYZE anonymising_person",
    )
    samples = "SELECT FROM pg_stats_ext WHERE most_common_vals::text LIKE '%adas%'"
    assert query(samples)
    registry.erase(Person, Visit)
    run(plan())
    configured_database().compact()
    assert query(samples) == []
    assert query("SELECT FROM pg_stats WHERE histogram_bounds::text ILIKE '%@example.org%'") == []
    assert query("SELECT stxstattarget, obj_description(oid, 'pg_statistic_ext') FROM pg_statistic_ext") == [
        (50, "a comment")
    ]


def test_tables_are_erased_in_the_order_of_their_keys(
    archive: None, people: None, plan: Planned, registry: Registry
) -> None:
    execute(
        "CREATE TABLE archive.a (body text UNIQUE)",
        "CREATE TABLE archive.b (body text REFERENCES archive.a (body))",
        "INSERT INTO archive.a VALUES ('Dear Ada')",
        "INSERT INTO archive.b VALUES ('Dear Ada')",
    )
    registry.erase_table("archive.a")
    with pytest.raises(AnonymizationError, match=r"archive\.b"):
        run(plan())
    registry.keep_table("archive.b")
    with pytest.raises(AnonymizationError, match=r"refer to rows of archive\.a"):
        run(plan())
    registry.erase_table("archive.b")
    assert {"archive.a": 1, "archive.b": 1}.items() <= run(plan()).items()


def test_a_table_whose_file_is_not_rewritten_is_named(
    people: None, plan: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VACUUM only warns without the privilege."""
    monkeypatch.setattr(postgresql, "CATALOGS", ("pg_statistic",))
    monkeypatch.setattr(PostgreSQL, "_execute", lambda *_: 0)
    with pytest.raises(AnonymizationError, match=r"still have the old rows: pg_statistic, public\."):
        configured_database().compact()


def test_columns_that_may_contain_text(database: PostgreSQL, archive: None) -> None:
    before = columns(database)
    execute(
        "CREATE TYPE archive.mood AS ENUM ('glad')",
        "CREATE TYPE archive.pair AS (number int, word text)",
        "CREATE DOMAIN archive.words AS text[]",
        "CREATE UNLOGGED TABLE archive.kinds (a archive.mood, b archive.pair, c archive.words, d json, e xml, "
        'f int4range, g int[], h archive.mood[], i tsvector, j name, k "char", l bit(8), gone text)',
        "ALTER TABLE archive.kinds DROP gone",
    )
    assert columns(database) - before == {f"archive.kinds.{name}" for name in "abcdefghijkl"}


def test_columns_that_contain_no_text(database: PostgreSQL, archive: None) -> None:
    before = columns(database)
    execute(
        "CREATE TABLE archive.kinds (a boolean, b smallint, c integer, d bigint, e real, f double precision, "
        "g numeric, h oid, i uuid, j date, k time, l timetz, m timestamp, n timestamptz, o interval)",
    )
    assert columns(database) == before


@pytest.fixture
def logins_elsewhere(transactional_db: None) -> Iterator[None]:
    """Create logins to other servers."""
    require_superuser("makes a subscription, and everyone's login to another server")
    execute(
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER \"far away\" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com')",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER \"far away\" OPTIONS (user 'reader', password 'far-secret')",
        "CREATE USER MAPPING FOR PUBLIC SERVER \"far away\" OPTIONS (user 'public', password 'far-secret')",
        "CREATE SUBSCRIPTION \"the news\" CONNECTION 'host=db.example.com password=far-secret' PUBLICATION news "
        "WITH (connect = false)",
    )
    yield
    execute("DROP EXTENSION postgres_fdw CASCADE")
    if query(SUBSCRIPTIONS):  # a test database with one cannot be dropped
        execute('ALTER SUBSCRIPTION "the news" SET (slot_name = NONE)', 'DROP SUBSCRIPTION "the news"')


def test_passwords_of_other_servers_are_deleted(people: None, plan: Planned, logins_elsewhere: None) -> None:
    """The server stays: it is part of the project's schema."""
    run(plan())
    assert query("SELECT umoptions FROM pg_user_mappings") == []
    assert query(SUBSCRIPTIONS) == []
    assert query("SELECT srvname FROM pg_foreign_server") == [("far away",)]


def test_a_view_of_a_foreign_table_stays_empty(
    people: None, plan: Planned, registry: Registry, logins_elsewhere: None
) -> None:
    """Without a login the table cannot be read, and the view's old rows are deleted."""
    execute(
        'CREATE FOREIGN TABLE far_notes (body text) SERVER "far away"',
        "CREATE FUNCTION notes() RETURNS text LANGUAGE sql AS $$SELECT 'Dear Ada'$$",
        "CREATE MATERIALIZED VIEW noted AS SELECT notes() AS body",
        "CREATE OR REPLACE FUNCTION notes() RETURNS text LANGUAGE sql AS 'SELECT body FROM public.far_notes'",
    )
    registry.keep_table("far_notes")
    try:
        run(plan())
        assert query("SELECT relispopulated FROM pg_class WHERE relname = 'noted'") == [(False,)]
    finally:
        execute("DROP MATERIALIZED VIEW noted", "DROP FUNCTION notes")
